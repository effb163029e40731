//! Calls to the operating system that stay safe where other users can write.
//!
//! A user with write access to a directory controls the files that paths in it lead to, and can
//! change them between two calls. So nothing in this crate opens, creates, renames, removes or
//! changes a file in such a directory by its path alone:
//!
//! - [`beneath`] walks to the directory one component at a time, and acts on names in the
//!   descriptor that it holds.
//! - [`strict`] opens without any link.
//! - [`replace`] rewrites a file in one step, [`output`] writes any output that the user names, and
//!   [`input`] reads any input.
//! - [`sources`] knows the files that secrets came from.
//! - `node` makes sockets and FIFOs that have their final mode from the start.
//! - [`rotation`] knows the files of one log by their names.
//! - `descriptor` reads and writes on any descriptor.
//! - `shortage` notices searches that ran out of descriptors.
//! - `locked` keeps memory out of swap.
//!
//! | attack | answer |
//! | --- | --- |
//! | a symbolic link in the path, or in place of the file | followed only if root or this user owns the link, and no other user can write to the directory that holds it |
//! | a directory on the way is exchanged between two calls | every call is relative to a descriptor |
//! | a hard link to a file elsewhere | [`file::check_single_link`] |
//! | a FIFO or device in place of the file | never waited for, and refused by [`file::check_regular`] |
//! | a file that another user made beforehand | [`file::check_owner`], [`file::check_private`] |
//! | a link in place of a socket, just before its mode is set | mode set in a private directory, then renamed |

#[cfg(all(feature = "registry", target_os = "linux"))]
pub(crate) mod backoff;
pub mod beneath;
#[cfg(feature = "registry")]
pub mod boot;
#[cfg(target_os = "linux")]
pub mod descriptor;
pub mod error;
pub mod file;
#[cfg(feature = "registry")]
pub mod group;
pub mod input;
#[cfg(feature = "guard")]
pub(crate) mod limits;
pub mod lock;
#[cfg(feature = "registry")]
pub mod locked;
pub mod mutex;
#[cfg(feature = "sidecar")]
pub mod node;
pub mod output;
#[cfg(feature = "sidecar")]
pub mod private;
pub(crate) mod recording;
pub mod replace;
pub mod rotation;
pub(crate) mod shortage;
pub mod sources;
pub mod strict;
pub(crate) mod temporary;
pub(crate) mod write;
