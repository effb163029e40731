//! The vector instructions that the searches choose from.

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(super) mod neon;

/// The instruction set of a search: those of the target's architecture. Where the searches have no
/// vector code, the type has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Of little-endian machines: in a vector of a big-endian one, the lanes have another order.
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    Neon,
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
        // Every machine that runs 64-bit ARM Linux has NEON.
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        {
            Some(Isa::Neon)
        }
        #[cfg(not(target_arch = "x86_64"))]
        #[cfg(not(all(target_arch = "aarch64", target_endian = "little")))]
        None
    }

    /// This instruction set, or AVX2 instead of AVX-512.
    pub(crate) fn without_avx512(self) -> Isa {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Isa::Avx2,
            other => other,
        }
    }

    /// Its name in the version of the program.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "AVX-512",
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            Isa::Neon => "NEON",
        }
    }

    /// Whether it looks up whole bytes, in tables of 128. The others look up halves of bytes, in
    /// tables of 16.
    pub(crate) fn has_byte_tables(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => true,
            _ => false,
        }
    }
}
