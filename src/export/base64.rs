//! Base64 of values, without a copy left behind.

use std::io::{self, Write};

use data_encoding::BASE64;
use zeroize::Zeroizing;

/// Divides by three, so that the pieces' base64 put together is the base64 of all, in bytes.
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

/// Decodes; nothing if it is not base64.
pub(crate) fn read(text: &[u8]) -> Option<Vec<u8>> {
    let mut value = Zeroizing::new(vec![0; BASE64.decode_len(text.len()).ok()?]);
    let len = BASE64.decode_mut(text, &mut value).ok()?;
    // Shorter than its capacity by the padding at most; who takes it over wipes all of that.
    let mut value = std::mem::take(&mut *value);
    value.truncate(len);
    Some(value)
}
