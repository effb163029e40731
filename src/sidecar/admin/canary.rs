//! The canary: a made-up secret. A line with it shows whether a stream masks.

use std::io;
use std::sync::Arc;

use crate::redact::redacted::RedactedBuf;
use crate::redact::secret::Secret;
use crate::sidecar::event::LoadError;
use crate::sidecar::sink::{Batch, WriteOutcome};
use crate::sidecar::stream::StreamContext;
use crate::sidecar::stream::engine::Engine;

/// The name of the canary, which its mask shows.
pub(crate) const NAME: &str = "HUSHLOG_CANARY";
/// The prefix of its value. A text that ends in the prefix of a secret is held back. With random
/// digits, every sidecar would hold back other texts, some of them a final `d` or `e`. So the
/// prefix is fixed, the same in all forms, and begins as few texts end.
const BEGINNING: &str = "~hushlog~canary~";
/// The minimum number of hexadecimal digits that follow.
const DIGITS_MIN: usize = 32;

/// Draws a canary that is long enough to be masked. It is a secret of every set, and leaves the
/// process only masked.
pub(crate) fn draw(min_length: usize) -> Result<Secret, LoadError> {
    let mut bytes = vec![0; DIGITS_MIN.max(min_length).div_ceil(2)];
    let none = |_| LoadError { text: "the system returned no random bytes".to_owned(), hint: None };
    getrandom::fill(&mut bytes).map_err(none)?;
    let digits = data_encoding::HEXLOWER.encode(&bytes);
    Ok(Secret::new(NAME, [BEGINNING, &digits].concat().into_bytes()))
}

/// Sends a line with the canary through the engine of a new stream of this name, whole and byte by
/// byte. Returns whether it was masked. With `through`, a masked line is also written to the sink.
pub(crate) async fn check(context: &Arc<StreamContext>, canary: &Secret, through: bool) -> io::Result<bool> {
    let line = [b"hushlog canary: ", canary.expose(), b"\n"].concat();
    let mut outputs = Vec::new();
    for piece_len in [line.len(), 1] {
        let mut engine = Engine::new(Arc::clone(&context.active.borrow().set), context.way, &context.budget);
        let mut output = RedactedBuf::default();
        line.chunks(piece_len)
            .for_each(|part| engine.push(part).0.into_iter().for_each(|piece| output.append_growing(piece)));
        engine.finish().into_iter().for_each(|piece| output.append_growing(piece));
        outputs.push(output);
    }
    let is_masked = outputs.iter().map(|output| output.content().bytes()).all(|output| {
        output.starts_with(b"hushlog canary: ")
            && output.ends_with(b"\n")
            && output.len() > b"hushlog canary: \n".len()
            && !output.windows(canary.expose().len()).any(|window| window == canary.expose())
            && output == outputs[0].content().bytes()
    });
    if is_masked && through {
        let mut gathered = RedactedBuf::default();
        let _permit = context.sink.permit().await;
        let output = std::iter::once(outputs[0].content());
        match context.sink.write(&Batch::new(output, &mut gathered, true)).await? {
            WriteOutcome::Written => {}
            WriteOutcome::Dropped => return Err(io::ErrorKind::NotConnected.into()),
        }
    }
    Ok(is_masked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::needle::NeedleSet;
    use crate::redact::redactor::Redactor;

    #[test]
    fn the_hold_back_does_not_depend_on_chance() {
        let held = || {
            let set = NeedleSet::builder().secret(draw(0).expect("random bytes")).build().expect("one secret");
            let set = Arc::new(set);
            let is_held = |byte: &u8| Redactor::new(Arc::clone(&set)).push(&[*byte]).all(<[u8]>::is_empty);
            (0..=u8::MAX).filter(is_held).collect::<Vec<u8>>()
        };
        let first = held();
        assert!(!first.is_empty() && !first.contains(&b'd') && !first.contains(&b'\n'), "{first:?}");
        for _ in 0..50 {
            assert_eq!(held(), first);
        }
    }
}
