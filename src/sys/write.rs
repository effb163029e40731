//! Writing all of some slices, however few bytes each call takes.

use std::io::IoSlice;

use rustix::io::Errno;

/// The most slices that one call takes (`IOV_MAX`).
const SLICES_MAX: usize = 1_024;

/// Slices that are not all written.
pub(crate) struct Unwritten<'s, 'b> {
    slices: &'s mut [IoSlice<'b>],
}

impl<'s, 'b> Unwritten<'s, 'b> {
    /// All of these slices; empty ones at the front are skipped.
    pub(crate) fn new(mut slices: &'s mut [IoSlice<'b>]) -> Unwritten<'s, 'b> {
        IoSlice::advance_slices(&mut slices, 0);
        Unwritten { slices }
    }

    /// The slices of the next call. `None`: all is written.
    pub(crate) fn next(&self) -> Option<&[IoSlice<'b>]> {
        (!self.slices.is_empty()).then(|| &self.slices[..self.slices.len().min(SLICES_MAX)])
    }

    /// A call has written this many bytes.
    ///
    /// # Errors
    ///
    /// When it has written none. Nothing documented does this; to go on would be to spin.
    pub(crate) fn advance(&mut self, len: usize) -> Result<(), Errno> {
        if len == 0 {
            return Err(Errno::IO);
        }
        IoSlice::advance_slices(&mut self.slices, len);
        Ok(())
    }
}

/// Calls `write` until it has written all slices. It gets those that are left, and returns how many
/// bytes it wrote.
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
    fn a_call_that_writes_nothing_is_an_error_and_none_is_made_for_nothing() {
        let nothing = |_: &[IoSlice<'_>]| -> Result<usize, Errno> { Ok(0) };
        assert_eq!(write_all(&mut [IoSlice::new(b"a")], nothing), Err(Errno::IO));
        assert_eq!(write_all(&mut [IoSlice::new(b""), IoSlice::new(b"")], nothing), Ok(()));
        let fails = |_: &[IoSlice<'_>]| -> Result<usize, Errno> { Err(Errno::NOSPC) };
        assert_eq!(write_all(&mut [IoSlice::new(b"a")], fails), Err(Errno::NOSPC));
    }
}
