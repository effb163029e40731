//! The characters and bytes of a value, and the digits that escape them.

/// Digits of hex numbers.
pub(super) type Digits = &'static [u8; 16];
pub(super) const LOWER: Digits = b"0123456789abcdef";
pub(super) const UPPER: Digits = b"0123456789ABCDEF";

/// A character of a value, or a byte outside of any character.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Char(char),
    Stray(u8),
}

impl Unit {
    /// Writes the unit unchanged.
    pub(super) fn copy(self, out: &mut Vec<u8>) {
        match self {
            Unit::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Stray(byte) => out.push(byte),
        }
    }
}

/// The characters of a value, and the bytes between them that are not UTF-8.
pub(super) fn units(value: &[u8]) -> impl Iterator<Item = Unit> {
    value.utf8_chunks().flat_map(|chunk| {
        let strays = chunk.invalid().iter().map(|&byte| Unit::Stray(byte));
        chunk.valid().chars().map(Unit::Char).chain(strays)
    })
}

/// Writes a number in hex, with leading zeros up to `width`.
pub(super) fn push_hex(number: u32, width: u32, digits: Digits, out: &mut Vec<u8>) {
    let significant = (32 - number.leading_zeros()).div_ceil(4);
    for place in (0..significant.max(width)).rev() {
        out.push(digits[(number >> (4 * place) & 15) as usize]);
    }
}

/// Writes a byte as three octal digits.
pub(super) fn push_octal(byte: u8, out: &mut Vec<u8>) {
    out.extend([b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
}

/// Writes a byte in decimal, without leading zeros.
pub(super) fn push_decimal(byte: u8, out: &mut Vec<u8>) {
    if byte >= 100 {
        out.push(b'0' + byte / 100);
    }
    if byte >= 10 {
        out.push(b'0' + byte / 10 % 10);
    }
    out.push(b'0' + byte % 10);
}
