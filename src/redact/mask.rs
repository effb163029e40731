//! The replacement for a region.

/// The style of masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// One mask for each region; `{name}` stands for the name of the secret. Hides the length of
    /// the secret.
    Template(String),
    /// One printable ASCII character for each byte of the region. Shows the length of the secret.
    Char(u8),
}

impl Default for Mask {
    fn default() -> Mask {
        Mask::Template("[REDACTED:{name}]".to_owned())
    }
}
