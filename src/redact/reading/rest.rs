//! The bytes by which the reading decides about a place, some of which may not be there yet.

/// The text from the first byte of a possible escape on.
#[derive(Clone, Copy)]
pub(crate) struct Rest<'a> {
    pub(crate) bytes: &'a [u8],
    /// Whether the text ends here. Otherwise more bytes may follow.
    pub(crate) is_last: bool,
}

/// The bytes so far do not decide.
#[derive(Debug)]
pub(crate) struct Undecided;

impl Rest<'_> {
    /// The byte at this offset; `None` behind the end of the whole text.
    #[inline]
    pub(super) fn at(self, offset: usize) -> Result<Option<u8>, Undecided> {
        match self.bytes.get(offset) {
            None if !self.is_last => Err(Undecided),
            byte => Ok(byte.copied()),
        }
    }

    /// Whether this byte stands at this offset.
    pub(super) fn has(self, offset: usize, byte: u8) -> Result<bool, Undecided> {
        Ok(self.at(offset)? == Some(byte))
    }

    /// The number of exactly this many digits.
    #[inline]
    pub(super) fn number(self, offset: usize, digits: usize, radix: u32) -> Result<Option<u32>, Undecided> {
        let mut number = 0;
        for at in offset..offset + digits {
            let Some(digit) = self.digit(at, radix)? else { return Ok(None) };
            number = number * radix + digit;
        }
        Ok(Some(number))
    }

    #[inline]
    pub(super) fn digit(self, offset: usize, radix: u32) -> Result<Option<u32>, Undecided> {
        let digit = match self.at(offset)? {
            Some(byte @ b'0'..=b'9') => byte - b'0',
            Some(byte @ (b'a'..=b'f' | b'A'..=b'F')) => (byte | 0x20) - b'a' + 10,
            _ => return Ok(None),
        };
        Ok(Some(u32::from(digit)).filter(|&digit| digit < radix))
    }

    /// A number of up to this many digits, and the offset behind the byte that ends it.
    pub(super) fn ended_number(
        self,
        offset: usize,
        digits_max: usize,
        radix: u32,
        end: u8,
    ) -> Result<Option<(u32, usize)>, Undecided> {
        let (mut number, mut at) = (0, offset);
        while let Some(digit) = self.digit(at, radix)? {
            if at == offset + digits_max {
                return Ok(None);
            }
            (number, at) = (number * radix + digit, at + 1);
        }
        Ok((at > offset && self.has(at, end)?).then_some((number, at + 1)))
    }

    /// The first offset from `from` on, up to `end`, without such a byte.
    pub(super) fn skip(self, from: usize, end: usize, skips: impl Fn(u8) -> bool) -> Result<usize, Undecided> {
        let mut at = from;
        while at < end && self.at(at)?.is_some_and(&skips) {
            at += 1;
        }
        Ok(at)
    }
}
