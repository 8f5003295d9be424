//! Why a stream of parts was not planned, sealed or finished.

use crate::FormatError;

/// Why a stream of parts was not planned, sealed or finished; nothing is complete then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// The stream itself was refused.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The plaintext cannot be cut by the rule.
    #[error("{plaintext_len} bytes of plaintext cannot be cut into parts: {why}")]
    NoCut {
        /// Bytes of plaintext.
        plaintext_len: u64,
        /// The rule that no cut meets.
        why: &'static str,
    },
    /// The bytes are not those of a job, or cannot be.
    #[error("this is no job, or a damaged one")]
    NoJob,
    /// The bytes are not those of a plan, or the plan is not of this key.
    #[error("the plan is damaged, or of another key")]
    ForeignPlan,
    /// The source is not the one that was planned for.
    #[error("the source is not the one that the plan was made for")]
    SourceChanged,
    /// The plan has no such part.
    #[error("the plan has no part {part}")]
    NoSuchPart {
        /// The part's number, from 1.
        part: u32,
    },
    /// A segment of the part is missing, there twice, or of another part.
    #[error("part {part} does not have segment {segment} once and in full")]
    Segments {
        /// The part's number.
        part: u32,
        /// The first segment that is not as planned.
        segment: u64,
    },
    /// The bytes are not those of a receipt, or the receipt was altered.
    #[error("a receipt is damaged or altered; it says to be that of part {part}")]
    AlteredReceipt {
        /// The part that it names; 0 where that cannot be read.
        part: u32,
    },
    /// The receipt is of another plan.
    #[error("the receipt of part {part} is of another plan")]
    ForeignReceipt {
        /// The part that it names.
        part: u32,
    },
    /// There is no receipt of the part.
    #[error("the receipt of part {part} is missing")]
    MissingReceipt {
        /// The part's number.
        part: u32,
    },
    /// The store does not hold the part, or holds two.
    #[error("the store does not hold part {part} once")]
    NotStored {
        /// The part's number.
        part: u32,
    },
    /// What the store holds is of another attempt than every receipt of the part.
    #[error("no receipt of part {part} is that of the bytes in the store; seal it again")]
    StaleReceipt {
        /// The part's number.
        part: u32,
    },
    /// Two attempts have receipts that both fit what the store says of the part.
    #[error("two receipts of part {part} fit what the store says of it; seal it again")]
    AmbiguousReceipt {
        /// The part's number.
        part: u32,
    },
}

impl PartsError {
    /// The part at fault, where it is one.
    #[must_use]
    pub fn part(&self) -> Option<u32> {
        match self {
            Self::NoSuchPart { part }
            | Self::Segments { part, .. }
            | Self::AlteredReceipt { part }
            | Self::ForeignReceipt { part }
            | Self::MissingReceipt { part }
            | Self::NotStored { part }
            | Self::StaleReceipt { part }
            | Self::AmbiguousReceipt { part } => Some(*part),
            _ => None,
        }
    }
}
