//! What the figures were taken on: processor, features, system.

use super::bed::Bed;
use std::fs;

/// Features that decide on the speed of ciphers, hashes and checksums.
const FEATURES: [&str; 12] = [
    "aes",
    "pclmulqdq",
    "avx2",
    "sha_ni",
    "vaes",
    "vpclmulqdq",
    "avx512f",
    "avx512bw",
    "avx512vl",
    // The same on ARM.
    "pmull",
    "sha2",
    "sha3",
];

/// Kinds of processor whose figures have tables of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// With AVX-512 and VPCLMULQDQ, by which cipher and checksum have faster paths.
    Avx512,
}

impl Kind {
    /// The name of a table's markers.
    pub(super) fn marker(self, table: &str) -> String {
        match self {
            Self::Plain => table.to_owned(),
            Self::Avx512 => format!("{table} avx512"),
        }
    }
}

/// The machine.
#[derive(Debug)]
pub(super) struct Machine {
    model: String,
    processors: usize,
    features: Vec<&'static str>,
    system: String,
}

impl Machine {
    /// Reads what the system says of itself; what it does not say is left out.
    pub(super) fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::from(&cpuinfo, processors, &release)
    }

    fn from(cpuinfo: &str, processors: usize, release: &str) -> Self {
        let value = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim().to_owned())
        };
        let found = value("flags").or_else(|| value("Features")).unwrap_or_default();
        let has = |feature: &&str| found.split_whitespace().any(|word| word == *feature);
        Self {
            model: value("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            processors,
            features: FEATURES.into_iter().filter(has).collect(),
            system: format!("{} {}", std::env::consts::OS, release.trim()),
        }
    }

    /// The kind of its processor.
    pub(super) fn kind(&self) -> Kind {
        match ["avx512f", "vpclmulqdq"].iter().all(|name| self.features.contains(name)) {
            true => Kind::Avx512,
            false => Kind::Plain,
        }
    }

    /// Processor, features and system in one line.
    pub(super) fn line(&self) -> String {
        let features = match self.features.as_slice() {
            [] => "none of the features looked for".to_owned(),
            features => features.join(" "),
        };
        format!("{} ({} processors; {features}), {}", self.model, self.processors, self.system)
    }

    /// The line that stands above a table, as one sentence.
    pub(super) fn note(&self, bed: &Bed, runs: usize) -> String {
        format!(
            "{}; {} of random bytes on {}, median of {runs} run(s) in turns.",
            self.line(),
            readable(bed.size),
            bed.file_system
        )
    }
}

/// A size as people write it.
pub(super) fn readable(size: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if size >= 1 << shift && size.is_multiple_of(1 << shift) {
            return format!("{} {unit}", size >> shift);
        }
    }
    format!("{size} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_and_features_are_found_in_what_the_system_says() {
        let cpuinfo = "processor : 0\nmodel name\t: A 1\nflags\t\t: fpu aes avx2 vaes avx512_x\n";
        let machine = Machine::from(cpuinfo, 2, "6.1\n");
        let os = std::env::consts::OS;
        assert_eq!(machine.line(), format!("A 1 (2 processors; aes avx2 vaes), {os} 6.1"));
        assert_eq!(machine.kind(), Kind::Plain);
        let machine = Machine::from("flags : avx512f vpclmulqdq\n", 2, "6.1\n");
        assert_eq!(machine.kind().marker("memory"), "memory avx512");
    }

    #[test]
    fn a_system_that_says_nothing_still_gives_a_line() {
        assert!(Machine::from("", 1, "").line().contains("(1 processors; none of the features"));
    }

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        assert_eq!(
            [readable(3 << 30), readable(1 << 20), readable(1025)],
            ["3 GiB", "1 MiB", "1025 bytes"]
        );
    }
}
