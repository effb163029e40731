//! The loop that [`trigger`](super::trigger) has for each vector instruction set.

/// Advances `at` to the first block of text with candidates, and returns them and the text before
/// the next block; none once no block fits before the end of the text. `block` classifies the block
/// at an address; `quick` says whether one behind at least 40 other bytes may have candidates,
/// several times as fast. A macro, since both are compiled for the instructions of the function
/// around them.
macro_rules! skip {
    ($block:ident, $quick:ident, $text:ident, $at:ident, $earlier:ident, $wants:ident) => {{
        let mut found = None;
        while *$at + BLOCK_LEN <= $text.len() {
            // SAFETY: the block ends before the text does.
            let block: Block = unsafe { $block($text.as_ptr().add(*$at)) };
            let (candidates, next) = block.candidates(*$earlier, $wants);
            if candidates != 0 {
                found = Some((candidates, next));
                break;
            }
            let first = *$at;
            *$at += BLOCK_LEN;
            // SAFETY: the block ends before the text does, and begins behind another.
            while *$at + BLOCK_LEN <= $text.len() && !unsafe { $quick($text.as_ptr().add(*$at)) } {
                *$at += BLOCK_LEN;
            }
            *$earlier = if *$at == first + BLOCK_LEN {
                next
            } else {
                // SAFETY: the block before is in the text.
                let before: Block = unsafe { $block($text.as_ptr().add(*$at - BLOCK_LEN)) };
                before.of_next()
            };
        }
        found
    }};
}
pub(super) use skip;
