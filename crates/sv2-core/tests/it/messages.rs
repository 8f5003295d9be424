//! Every message and kind of [`StreamError`], side by side.

use std::io;

use sv2_core::{StreamError, Unit};

fn every_error() -> Vec<StreamError> {
    let lost = || io::Error::from(io::ErrorKind::BrokenPipe);
    let units = [
        Unit::Header,
        Unit::HeaderCopy,
        Unit::Segment { segment: 3 },
        Unit::Footer { segment: 3 },
        Unit::Frame { segment: 3, frame: 7 },
        Unit::Index,
        Unit::Trailer,
        Unit::Seal,
        Unit::Metadata,
    ];
    let mut errors = vec![
        StreamError::NotAStream,
        StreamError::Unsupported { unit: Unit::Header, what: "suite", value: 3 },
        StreamError::Malformed { unit: Unit::Trailer, what: "header_len", offset: 4212 },
        StreamError::Limit { what: "segment size", value: 1 << 31, max: 1 << 30 },
        StreamError::NoKeyFits { source: Some("all slots are locked".into()) },
        StreamError::WrongKeyOrContext,
    ];
    errors.extend(units.map(|unit| StreamError::AuthenticationFailed { unit, offset: 1096 }));
    errors.extend([
        StreamError::StaleHeader { found: 1, sealed: 2 },
        StreamError::ChecksumMismatch { unit: Unit::Header, offset: 0 },
        StreamError::DigestMismatch { segment: 3 },
        StreamError::Unsealed { segments: 3 },
        StreamError::TrailingData { offset: 4340 },
        StreamError::WrongFingerprint,
        StreamError::StaleIndex,
        StreamError::Read { offset: 512, source: lost() },
        StreamError::Write { offset: 512, source: lost() },
        StreamError::OutputExists,
        StreamError::OutputRefused(sv2_core::OutputFault::Foreign),
        StreamError::OutputKept { kept: "output.kept".into(), source: lost() },
        StreamError::InputChanged { offset: 512 },
        StreamError::Cancelled { segment: 3 },
        StreamError::Defect { segment: 3 },
        StreamError::Spawn(lost()),
        StreamError::Usage("a pipe cannot be inspected, only a file"),
        StreamError::Crypto(sv2_crypto::CryptoError::RandomSource),
    ]);
    errors
}

/// F-903: no message of an authentication says more than unit and place.
#[test]
fn messages_and_kinds_side_by_side() {
    let lines: Vec<String> = every_error()
        .iter()
        .map(|error| {
            let cause = std::error::Error::source(error).map(|cause| format!(" <- {cause}"));
            format!("{:?}: {error}{}", error.kind(), cause.unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    NotAStream: the input is not a stream_v2 stream
    NotAStream: suite 3 in the header is not supported
    Malformed: the trailer is malformed: header_len at byte 4212
    Malformed: segment size is 2147483648, the maximum is 1073741824
    Key: no key slot of the stream opens <- all slots are locked
    Key: the key or the context is not that of this stream
    Unauthentic: authentication of the header at byte 1096 failed
    Unauthentic: authentication of the header copy at byte 1096 failed
    Unauthentic: authentication of the header of segment 3 at byte 1096 failed
    Unauthentic: authentication of the footer of segment 3 at byte 1096 failed
    Unauthentic: authentication of frame 7 of segment 3 at byte 1096 failed
    Unauthentic: authentication of the index at byte 1096 failed
    Unauthentic: authentication of the trailer at byte 1096 failed
    Unauthentic: authentication of the seal at byte 1096 failed
    Unauthentic: authentication of the metadata at byte 1096 failed
    Unauthentic: the header has revision 1, the stream was sealed with revision 2
    Damaged: the checksum of the header at byte 0 does not match
    Unauthentic: the digest of segment 3 does not match
    Unsealed: the stream ends after 3 whole segments without a trailer
    Malformed: there are bytes after the end of the stream at byte 4340
    Unauthentic: the stream has another fingerprint than the one that was expected
    Unauthentic: the stream was replaced while it was being read
    Io: reading failed at byte 512 <- broken pipe
    Io: writing failed at byte 512 <- broken pipe
    Usage: the output exists
    Usage: the output is a pipe, socket or device of another user, who could read what is written to it
    Io: the output is whole, but naming it failed <- broken pipe
    Io: the input changed while it was being read, at byte 512
    Cancelled: cancelled before segment 3
    Internal: a defect of this program shows at segment 3
    Io: no thread could be started <- broken pipe
    Usage: a pipe cannot be inspected, only a file
    Internal: a cryptographic primitive failed <- the operating system's random source failed
    ");
}

/// What a message says of its own layer is not said again by its cause.
#[test]
fn no_message_repeats_its_cause() {
    for error in every_error() {
        if let Some(cause) = std::error::Error::source(&error) {
            assert!(!error.to_string().contains(&cause.to_string()), "{error}");
        }
    }
}
