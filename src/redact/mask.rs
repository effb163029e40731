//! What a region is replaced with.

/// The style of masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// One mask for each region; `{name}` stands for the name of the secret. The length of the secret does not show.
    Template(String),
    /// One printable ASCII character for each byte of the region. The length of the secret shows.
    Char(u8),
}

impl Default for Mask {
    fn default() -> Mask {
        Mask::Template("[REDACTED:{name}]".to_owned())
    }
}
