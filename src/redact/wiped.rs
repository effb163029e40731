//! Growth of buffers that may hold a secret. A growing `Vec` frees its old memory unwiped.

use zeroize::Zeroizing;

/// Appends bytes. If the buffer has to grow, its old memory is wiped.
#[allow(dead_code, reason = "only the sidecar appends so, which a library may be without")]
pub(crate) fn append(buffer: &mut Vec<u8>, bytes: &[u8]) {
    if buffer.capacity() - buffer.len() < bytes.len() {
        relocate(buffer, 0, (buffer.len() + bytes.len()).next_power_of_two());
    }
    buffer.extend_from_slice(bytes);
}

/// Moves the bytes from `from` on to new memory of this capacity, and wipes the old memory.
pub(super) fn relocate(buffer: &mut Vec<u8>, from: usize, capacity: usize) {
    let mut moved = Vec::with_capacity(capacity);
    moved.extend_from_slice(&buffer[from..]);
    drop(Zeroizing::new(std::mem::replace(buffer, moved)));
}
