//! The digits of hex numbers.

pub(super) type Digits = &'static [u8; 16];
pub(super) const LOWER: Digits = b"0123456789abcdef";
pub(super) const UPPER: Digits = b"0123456789ABCDEF";

/// Writes a number in hex, with leading zeros up to `width`.
pub(super) fn push_hex(number: u32, width: u32, digits: Digits, out: &mut Vec<u8>) {
    let significant = (32 - number.leading_zeros()).div_ceil(4);
    for place in (0..significant.max(width)).rev() {
        out.push(digits[(number >> (4 * place) & 15) as usize]);
    }
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
