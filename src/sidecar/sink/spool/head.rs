//! The head of a spool: the position up to which its pieces are written.
//!
//! Two slots, each in a sector of its own, are written in turn. If a power cut tears one write, the
//! other slot is intact.

use std::sync::OnceLock;

use crate::sys::boot;

/// The length of a slot, in bytes: a sector.
pub(super) const SLOT_LEN: usize = 512;
/// The length of both slots.
pub(super) const HEAD_LEN: u64 = 2 * SLOT_LEN as u64;
pub(super) const MAGIC: &[u8; 8] = b"hushspl2";
/// The used part of a slot, without its CRC-32, in bytes.
const USED_LEN: usize = 64;

/// The content of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The slot with the higher number counts.
    pub(super) number: u64,
    /// Enters the hash of each piece, so that no text can pass for one.
    pub(super) salt: u64,
    /// The number of the first pending piece.
    pub(super) next: u64,
    /// The number of its bytes that the sink has taken.
    pub(super) written: u64,
    /// All pieces before this one are on the disk of the sink.
    pub(super) safe: u64,
    /// The boot ID at the time of writing: `next` and `written` hold for that boot only.
    pub(super) boot: [u8; 16],
}

impl Head {
    pub(super) fn new(boot: [u8; 16]) -> Head {
        let mut salt = [0; 8];
        // Without the salt, a forged line could pass for a piece in a damaged spool.
        let _ = getrandom::fill(&mut salt);
        Head { number: 0, salt: u64::from_le_bytes(salt), next: 1, written: 0, safe: 1, boot }
    }

    pub(super) fn slot(&self) -> [u8; SLOT_LEN] {
        let mut slot = [0; SLOT_LEN];
        slot[..8].copy_from_slice(MAGIC);
        for (at, number) in [self.number, self.salt, self.next, self.written, self.safe].into_iter().enumerate() {
            slot[8 + 8 * at..][..8].copy_from_slice(&number.to_le_bytes());
        }
        slot[48..USED_LEN].copy_from_slice(&self.boot);
        let hash = crc32fast::hash(&slot[..USED_LEN]).to_le_bytes();
        slot[USED_LEN..USED_LEN + 4].copy_from_slice(&hash);
        slot
    }

    fn of_slot(slot: &[u8]) -> Option<Head> {
        let (used, rest) = slot.split_at(USED_LEN);
        if !used.starts_with(MAGIC) || rest[..4] != crc32fast::hash(used).to_le_bytes() {
            return None;
        }
        let number = |at: usize| Some(u64::from_le_bytes(used[8 + 8 * at..][..8].try_into().ok()?));
        let boot = used[48..].try_into().ok()?;
        Some(Head {
            number: number(0)?,
            salt: number(1)?,
            next: number(2)?,
            written: number(3)?,
            safe: number(4)?,
            boot,
        })
    }

    /// Reads the valid head of two slots.
    pub(super) fn of(slots: &[u8]) -> Option<Head> {
        slots.chunks_exact(SLOT_LEN).filter_map(Head::of_slot).max_by_key(|head| head.number)
    }

    /// The head as it holds in this boot. After a power cut, output that the sink had taken may not
    /// be on its disk.
    pub(super) fn now(mut self, boot: [u8; 16]) -> Head {
        if self.boot != boot || self.boot == [0; 16] {
            (self.next, self.written, self.boot) = (self.safe, 0, boot);
        }
        self
    }
}

/// The boot ID; zeros if the system has none. It is read once, before the sidecar confines itself.
pub(super) fn boot() -> [u8; 16] {
    static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let digits: String = boot::id().chars().filter(|c| c.is_ascii_hexdigit()).collect();
        u128::from_str_radix(&digits, 16).unwrap_or_default().to_be_bytes()
    })
}
