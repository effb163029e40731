//! The alternate screen of a terminal, as programs switch it on and off in their output.
//!
//! Programs that draw the whole screen (vim, less, top) use it. Source: XTerm Control Sequences,
//! "DEC Private Mode Set": modes 47, 1047 and 1049. A reset of the terminal (ESC c) leaves it.

/// Modes that switch to the alternate screen.
const MODES: [u32; 3] = [47, 1047, 1049];

/// Finds the switches in the output of a program, in any pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScreenSwitches {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC `[`.
    Sequence,
    /// Among the parameters of a private mode: the current number, and whether one of those before
    /// it is of [`MODES`].
    Modes { number: u32, is_screen: bool },
}

/// A switch to the alternate screen, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScreenSwitch {
    /// The number of bytes up to its end.
    pub(super) len: usize,
    pub(super) is_alternate: bool,
}

impl ScreenSwitches {
    /// The first switch in the next bytes, if any. The caller passes the bytes after it again.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<ScreenSwitch> {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Text {
                at += memchr::memchr(b'\x1b', &bytes[at..])?;
            }
            let switch = self.step(bytes[at]);
            at += 1;
            if let Some(is_alternate) = switch {
                return Some(ScreenSwitch { len: at, is_alternate });
            }
        }
        None
    }

    /// Takes a byte. If it ends a switch, returns whether that one is to the alternate screen.
    fn step(&mut self, byte: u8) -> Option<bool> {
        let state = std::mem::take(&mut self.state);
        self.state = match (state, byte) {
            // It also cancels a sequence.
            (_, b'\x1b') => State::Escape,
            (State::Escape, b'[') => State::Sequence,
            (State::Escape, b'c') => return Some(false),
            (State::Sequence, b'?') => State::Modes { number: 0, is_screen: false },
            (State::Modes { number, is_screen }, b'0'..=b'9') => {
                let number = number.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                State::Modes { number, is_screen }
            }
            (State::Modes { number, is_screen }, b';') => {
                State::Modes { number: 0, is_screen: is_screen || MODES.contains(&number) }
            }
            (State::Modes { number, is_screen }, b'h' | b'l') => {
                return (is_screen || MODES.contains(&number)).then_some(byte == b'h');
            }
            _ => State::Text,
        };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The switches in pieces of this length, by their ends in the text.
    fn switches(text: &[u8], piece_len: usize) -> Vec<(usize, bool)> {
        let (mut screen, mut found) = (ScreenSwitches::default(), Vec::new());
        for (number, piece) in text.chunks(piece_len).enumerate() {
            let mut at = 0;
            while let Some(switch) = screen.next(&piece[at..]) {
                at += switch.len;
                found.push((number * piece_len + at, switch.is_alternate));
            }
        }
        found
    }

    #[test]
    fn switches_are_found_in_any_pieces() {
        let cases: [(&str, &[(usize, bool)]); 10] = [
            ("a\x1b[?1049hb\x1b[?1049l", &[(9, true), (18, false)]),
            ("\x1b[?47h\x1b[?1047l", &[(6, true), (14, false)]),
            ("\x1b[?1;1049;25h", &[(13, true)]),
            ("\x1b[?1049;25l", &[(11, false)]),
            ("\x1b[?25h\x1b[47h\x1b[1049h\x1b[?10491h\x1b[?104h", &[]),
            ("\x1bc", &[(2, false)]),
            ("\x1b[?104\x1b[?1049h", &[(14, true)]),
            ("\x1b[?1049$p \x1b[?1049 h", &[]),
            ("\x1b[?99999999999999999999h\x1b[?1049h", &[(32, true)]),
            ("", &[]),
        ];
        for (text, wanted) in cases {
            for piece_len in 1..=text.len().max(1) {
                assert_eq!(switches(text.as_bytes(), piece_len), wanted, "{text:?} in pieces of {piece_len}");
            }
        }
    }
}
