//! The versions of the file format, and its limit.

/// The largest file, in bytes.
pub const FILE_LEN_MAX: usize = 64 << 20;
/// The format version of new registries.
pub(super) const FORMAT: u32 = 2;
/// The previous format version. Its registries have no id, so sealed values and signatures also
/// pass in another registry with the same members. They are read and written unchanged.
pub(super) const FORMAT_WITHOUT_ID: u32 = 1;
