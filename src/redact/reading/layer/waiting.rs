//! The bytes of a layer that are kept from one piece to the next.

use zeroize::Zeroizing;

use super::{Layer, Layers, Run, Spelling};

/// Bytes of a layer that wait for the next piece: taken out, since the layers are needed to find
/// their stretches until all is taken.
#[derive(Default)]
pub(in crate::redact::reading) struct Waiting {
    bytes: Zeroizing<Vec<u8>>,
    runs: Vec<Run>,
}

impl Waiting {
    pub(in crate::redact::reading) fn of(layers: Layers<'_>, layer: usize, from: usize) -> Waiting {
        let bytes = layers.bytes(layer);
        let mut waiting = Waiting { bytes: Zeroizing::new(bytes[from..].to_vec()), runs: Vec::new() };
        layers.append_runs(layer, from..bytes.len(), 0, Spelling::Own, &mut waiting.runs);
        waiting
    }

    /// Empties the layer, and lets it begin with these bytes.
    pub(in crate::redact::reading) fn begin(self, layer: &mut Layer) {
        layer.clear();
        layer.append(&self.bytes);
        (layer.head, layer.head_len) = (self.runs, self.bytes.len());
    }
}
