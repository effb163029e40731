//! The vector instructions that the searches choose from.

/// The instruction set of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    Avx2,
    Avx512,
}

impl Isa {
    /// The best instruction set of this machine.
    pub(crate) fn detect() -> Option<Isa> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi");
            let avx2 = is_x86_feature_detected!("avx2");
            avx512.then_some(Isa::Avx512).or(avx2.then_some(Isa::Avx2))
        }
        #[cfg(not(target_arch = "x86_64"))]
        None
    }
}
