//! What can be wrong with a header, trailer or index before any key is tried (format.md section 9).

/// A header, trailer or index that is not what section 3 or 7 of `docs/format.md` demands.
///
/// `offset` counts bytes from the start of the unit that was decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The first eight bytes are not the stream's magic.
    #[error("the magic of a stream_v2 stream is absent")]
    NotAStream,
    /// A version, suite, digest, flag or critical section that this implementation does not know.
    #[error("{what} {value} is not supported")]
    Unsupported {
        /// The field.
        what: &'static str,
        /// What it held.
        value: u64,
    },
    /// Bytes that no writer may produce.
    #[error("{what} is malformed at byte {offset}")]
    Malformed {
        /// The field or rule.
        what: &'static str,
        /// Where, in bytes from the start of the unit.
        offset: u64,
    },
    /// A value above a maximum of the format or of the caller.
    #[error("{what} is {value}, the maximum is {max}")]
    Limit {
        /// The quantity.
        what: &'static str,
        /// What was found.
        value: u64,
        /// The largest value that is accepted.
        max: u64,
    },
    /// Fewer bytes than the unit has.
    #[error("{have} bytes where {need} are needed")]
    Truncated {
        /// Bytes that the unit has.
        need: u64,
        /// Bytes that were given.
        have: u64,
    },
}
