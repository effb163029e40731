//! The canary: a secret that nobody has, so that a line with it can be sent through to see whether it comes out masked.

use std::io;
use std::sync::Arc;

use super::engine::Engine;
use super::notice::LoadError;
use super::sink::{Batch, Gave};
use super::stream::Common;
use crate::redact::redacted::RedactedBuf;
use crate::redact::secret::Secret;

/// Its name, which its mask shows.
pub(crate) const NAME: &str = "HUSHLOG_CANARY";
/// How its value begins. A text that ends as a secret begins is held back: with digits drawn by lot every sidecar would hold back other
/// texts, some of them a final `d` or `e`. So it begins the same always, in all forms, and with what few texts end in.
const BEGINNING: &str = "~hushlog~canary~";
/// How many hexadecimal digits follow, at least.
const DIGITS_MIN: usize = 32;

/// Draws one that is long enough to be masked. It is a secret of every set, and leaves the process masked only.
pub(crate) fn draw(min_length: usize) -> Result<Secret, LoadError> {
    let mut bytes = vec![0; DIGITS_MIN.max(min_length).div_ceil(2)];
    let none = |_| LoadError { text: "the system gives no random bytes".to_owned(), hint: None };
    getrandom::fill(&mut bytes).map_err(none)?;
    let digits = data_encoding::HEXLOWER.encode(&bytes);
    Ok(Secret::new(NAME, [BEGINNING, &digits].concat().into_bytes()))
}

/// Sends a line with the canary the way that a new stream of this name goes, in one piece and byte by byte. Tells whether it came out
/// masked; with `through`, it goes out by the sink as well, if it did.
pub(crate) async fn check(common: &Arc<Common>, canary: &Secret, through: bool) -> io::Result<bool> {
    let line = [b"hushlog canary: ", canary.expose(), b"\n"].concat();
    let mut outputs = Vec::new();
    for piece_len in [line.len(), 1] {
        let mut engine = Engine::new(Arc::clone(&common.active.borrow().set), common.way, &common.lines);
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
        let _seat = common.sink.seat().await;
        let output = std::iter::once(outputs[0].content());
        match common.sink.give(&Batch::new(output, &mut gathered, true)).await? {
            Gave::All => {}
            Gave::Dropped => return Err(io::ErrorKind::NotConnected.into()),
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
    fn what_is_held_back_is_no_matter_of_luck() {
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
