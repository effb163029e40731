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
            // Every machine with AVX2 has these, too; a hypervisor may hide them.
            let bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
            let avx512 = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi") && bits;
            let avx2 = is_x86_feature_detected!("avx2") && bits;
            avx512.then_some(Isa::Avx512).or(avx2.then_some(Isa::Avx2))
        }
        #[cfg(not(target_arch = "x86_64"))]
        None
    }
}
