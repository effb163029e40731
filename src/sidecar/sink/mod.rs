//! Where streams go to.

use std::future::Future;
use std::io::{self, IoSlice};

/// What takes the bytes of a sink while it is there: a socket, a file, the input of a command.
pub(crate) trait Outlet: Send {
    /// Writes all slices, which are redacted, and lie before the caller until this returns. When it fails or is cancelled it says in
    /// `written` how many bytes went out, so that nothing is lost and the caller knows from where to go on.
    ///
    /// # Errors
    ///
    /// When the outlet is gone, and has to be opened anew.
    fn write_all(
        &mut self,
        slices: &mut [IoSlice<'_>],
        written: &mut u64,
    ) -> impl Future<Output = io::Result<()>> + Send;
}
