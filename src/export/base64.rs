//! Base64 of values, without leaving copies behind.

use std::io::{self, Write};

use data_encoding::BASE64;
use zeroize::Zeroizing;

/// The length of a piece, in bytes: divisible by three, so that the concatenated base64 of the
/// pieces is the base64 of the whole.
const PIECE_LEN: usize = 768;

/// Encodes through a small buffer, which is wiped.
pub(crate) fn write(value: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut buffer = Zeroizing::new([0; PIECE_LEN / 3 * 4]);
    for piece in value.chunks(PIECE_LEN) {
        let encoded = &mut buffer[..BASE64.encode_len(piece.len())];
        BASE64.encode_mut(piece, encoded);
        out.write_all(encoded)?;
    }
    Ok(())
}

/// Decodes; none if the text is not base64.
pub(crate) fn read(text: &[u8]) -> Option<Vec<u8>> {
    let mut value = Zeroizing::new(vec![0; BASE64.decode_len(text.len()).ok()?]);
    let len = BASE64.decode_mut(text, &mut value).ok()?;
    // Shorter than its capacity only by the padding. The new owner wipes the whole capacity.
    let mut value = std::mem::take(&mut *value);
    value.truncate(len);
    Some(value)
}
