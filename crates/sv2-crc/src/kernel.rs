//! Which code computes a checksum on this processor.

use crate::table;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod wide;

/// One way to compute the checksum; all give the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// Tables, eight bytes a step.
    Table,
    /// `crc-fast`: 512-bit or 128-bit carry-less multiplication, whatever the processor has.
    #[cfg(feature = "std")]
    Library,
    /// 256-bit carry-less multiplication, for processors with VPCLMULQDQ and without AVX-512.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Wide,
}

impl Kernel {
    /// All kernels that this build has and this processor can run.
    #[must_use]
    pub fn available() -> &'static [Self] {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        if wide::is_available() {
            return &[Self::Table, Self::Library, Self::Wide];
        }
        #[cfg(feature = "std")]
        return &[Self::Table, Self::Library];
        #[cfg(not(feature = "std"))]
        return &[Self::Table];
    }

    /// The one that [`crc64`] takes for a long message.
    #[must_use]
    pub fn fastest() -> Self {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        if wide::is_available() && !has_512_bit() {
            return Self::Wide;
        }
        #[cfg(feature = "std")]
        return Self::Library;
        #[cfg(not(feature = "std"))]
        return Self::Table;
    }

    /// CRC-64/NVME of `bytes` by this kernel.
    ///
    /// A kernel that this processor cannot run gives way to the table.
    #[must_use]
    pub fn crc64(self, bytes: &[u8]) -> u64 {
        match self {
            Self::Table => !table::update(u64::MAX, bytes),
            #[cfg(feature = "std")]
            Self::Library => crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Self::Wide => !wide::update(u64::MAX, bytes),
        }
    }
}

/// Whether the library's 512-bit code runs here, which is faster than 256 bits.
///
/// A build with `--cfg sv2_without_avx512` says no, to measure the code for other processors.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
fn has_512_bit() -> bool {
    !cfg!(sv2_without_avx512)
        && std::arch::is_x86_feature_detected!("vpclmulqdq")
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vl")
}

/// CRC-64/NVME of `bytes` (F-102).
#[inline]
#[must_use]
pub fn crc64(bytes: &[u8]) -> u64 {
    Kernel::fastest().crc64(bytes)
}
