//! The spellings of a text that the plain reading undoes.

/// The spelling in which a needle was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spelling {
    /// As it is.
    #[default]
    Own,
    /// With line ends within it.
    Wrapped,
    /// With colour codes within it or the like.
    Colour,
    /// With escapes.
    Escaped,
    /// In rows of a hex dump.
    Dump,
}

impl Spelling {
    /// All of them, in order.
    pub(crate) const ALL: [Spelling; 5] =
        [Spelling::Own, Spelling::Wrapped, Spelling::Colour, Spelling::Escaped, Spelling::Dump];
}
