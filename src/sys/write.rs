//! Writes of whole slices, with calls that may each take only some bytes.

use std::io::IoSlice;

use rustix::io::Errno;

/// The maximum number of slices of one call (`IOV_MAX`).
const SLICES_MAX: usize = 1_024;

/// Slices to write, and the progress.
pub(crate) struct Unwritten<'s, 'b> {
    slices: &'s mut [IoSlice<'b>],
}

impl<'s, 'b> Unwritten<'s, 'b> {
    /// Starts with all of these slices; skips empty ones at the front.
    pub(crate) fn new(mut slices: &'s mut [IoSlice<'b>]) -> Unwritten<'s, 'b> {
        IoSlice::advance_slices(&mut slices, 0);
        Unwritten { slices }
    }

    /// The slices of the next call; `None` when all are written.
    pub(crate) fn next(&self) -> Option<&[IoSlice<'b>]> {
        (!self.slices.is_empty()).then(|| &self.slices[..self.slices.len().min(SLICES_MAX)])
    }

    /// Records that a call has written this many bytes.
    ///
    /// # Errors
    ///
    /// When it wrote none. No documented call does this, and a retry would spin.
    pub(crate) fn advance(&mut self, len: usize) -> Result<(), Errno> {
        if len == 0 {
            return Err(Errno::IO);
        }
        IoSlice::advance_slices(&mut self.slices, len);
        Ok(())
    }
}

/// Calls `write` until all slices are written. Each call receives the remaining slices, and returns
/// the number of bytes written.
///
/// # Errors
///
/// Those of `write`, and EIO when it writes nothing.
pub(crate) fn write_all<E: From<Errno>>(
    slices: &mut [IoSlice<'_>],
    mut write: impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>,
) -> Result<(), E> {
    let mut unwritten = Unwritten::new(slices);
    while let Some(slices) = unwritten.next() {
        let len = write(slices)?;
        unwritten.advance(len)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_written_in_order_however_little_each_call_takes() {
        let text: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        for (slice_len, call_len) in [(1, 1), (1, 3), (7, 1), (7, 100), (5_000, 1), (5_000, 5_000), (3, 5_000)] {
            let mut slices = vec![IoSlice::new(b"")];
            text.chunks(slice_len).for_each(|chunk| slices.extend([IoSlice::new(chunk), IoSlice::new(b"")]));
            let mut out = Vec::new();
            let written = write_all(&mut slices, |slices| -> Result<usize, Errno> {
                assert!(slices.len() <= SLICES_MAX && !slices[0].is_empty());
                let start = out.len();
                out.extend(slices.iter().flat_map(|slice| slice.iter()).take(call_len));
                Ok(out.len() - start)
            });
            assert_eq!((written, &out), (Ok(()), &text));
        }
    }

    #[test]
    fn a_zero_write_is_an_error_and_empty_writes_are_not_made() {
        let nothing = |_: &[IoSlice<'_>]| -> Result<usize, Errno> { Ok(0) };
        assert_eq!(write_all(&mut [IoSlice::new(b"a")], nothing), Err(Errno::IO));
        assert_eq!(write_all(&mut [IoSlice::new(b""), IoSlice::new(b"")], nothing), Ok(()));
        let fails = |_: &[IoSlice<'_>]| -> Result<usize, Errno> { Err(Errno::NOSPC) };
        assert_eq!(write_all(&mut [IoSlice::new(b"a")], fails), Err(Errno::NOSPC));
    }
}
