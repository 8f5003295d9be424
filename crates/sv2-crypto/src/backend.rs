//! The cipher libraries to choose from; all of them make the same bytes.

/// A library that does the AEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// `ring`, in every build.
    Ring,
    /// AWS-LC, in builds with the feature `aws-lc`.
    AwsLc,
}

impl Backend {
    /// The backends of this build.
    #[must_use]
    pub const fn available() -> &'static [Self] {
        if cfg!(feature = "aws-lc") { &[Self::Ring, Self::AwsLc] } else { &[Self::Ring] }
    }

    /// The name that the program prints and takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::AwsLc => "aws-lc",
        }
    }
}
