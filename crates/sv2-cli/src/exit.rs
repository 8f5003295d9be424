//! The exit codes, in one table that the help, the man page and the tests share.

use std::process::ExitCode;

use sv2_core::ErrorKind;

/// How the program ends when it did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Reading, writing, or a defect of the program.
    Io,
    /// The command line, or options that contradict each other.
    Usage,
    /// Tampered with, truncated or not sealed.
    Untrusted,
    /// No identity fits, or the passphrase is wrong.
    NoKey,
    /// Damaged by accident.
    Damaged,
    /// Not a stream, or a version that this program does not know.
    NotAStream,
    /// What was to be resumed, repaired or put together does not match.
    Mismatch,
    /// Interrupted by a signal.
    Interrupted,
    /// The reader of our output went away.
    BrokenPipe,
}

/// Every exit code with its meaning, in the order of the man page.
pub(crate) const TABLE: [(u8, &str); 10] = [
    (0, "all good"),
    (1, "input, output or internal error"),
    (2, "usage: the command line, or an output that would be overwritten"),
    (3, "the stream was tampered with, is truncated or is not sealed"),
    (4, "no identity or key fits, or the passphrase is wrong"),
    (5, "the stream is damaged: a checksum does not match, or only a part was salvaged"),
    (6, "not a stream or parity file, or an unsupported version"),
    (7, "what was to be resumed, repaired or put together does not match"),
    (130, "interrupted; only --resume leaves an unfinished file behind"),
    (141, "the reader of the output went away"),
];

/// What the table means where a command does more than one thing.
pub(crate) const NOTES: &str = "\
Of several inputs each is handled, all failures are told, and the worst decides the code, in the
order 3, 5, 6, 4, 1, 2. With encrypt --exec and --expect-length the code is 1 where the command
failed or the length is another; nothing is sealed then. With --resume it is 0 where an earlier run
had finished and stream and file are equal byte for byte. With decrypt --unsealed it is 0 where the
stream is authentic up to where it ends, and 5 where something is behind the damage. A repair ends
with 0 where everything is back, with 5 where something is not: from a parity file nothing is written
then, and without one what follows from the rest is; and with 7 where parity file and file do not
belong together. The commands of parts end with 7 where a plan or a receipt is that of another stream,
parts finish also where a part is missing, and parts verify with 5 there.";

impl Exit {
    /// The code of a failed stream.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Malformed | ErrorKind::Unauthentic | ErrorKind::Unsealed => Self::Untrusted,
            ErrorKind::Key => Self::NoKey,
            ErrorKind::Damaged => Self::Damaged,
            ErrorKind::NotAStream => Self::NotAStream,
            ErrorKind::Checkpoint => Self::Mismatch,
            ErrorKind::Cancelled => Self::Interrupted,
            // Io, and kinds that this program does not know.
            _ => Self::Io,
        }
    }

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Io => 1,
            Self::Usage => 2,
            Self::Untrusted => 3,
            Self::NoKey => 4,
            Self::Damaged => 5,
            Self::NotAStream => 6,
            Self::Mismatch => 7,
            Self::Interrupted => 130,
            Self::BrokenPipe => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The worse of two results.
pub(crate) fn worse(one: Option<Exit>, other: Option<Exit>) -> Option<Exit> {
    let rank = |exit: Option<Exit>| {
        const ORDER: [Exit; 6] =
            [Exit::Usage, Exit::Io, Exit::NoKey, Exit::NotAStream, Exit::Damaged, Exit::Untrusted];
        exit.map_or(0, |exit| 1 + ORDER.iter().position(|&known| known == exit).unwrap_or(0))
    };
    if rank(other) > rank(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_exit_code() {
        for (kind, code) in [
            (ErrorKind::Io, 1),
            (ErrorKind::Usage, 2),
            (ErrorKind::Malformed, 3),
            (ErrorKind::Unauthentic, 3),
            (ErrorKind::Unsealed, 3),
            (ErrorKind::Key, 4),
            (ErrorKind::Damaged, 5),
            (ErrorKind::NotAStream, 6),
            (ErrorKind::Checkpoint, 7),
            (ErrorKind::Cancelled, 130),
        ] {
            assert_eq!(Exit::of(kind).code(), code, "{kind:?}");
            assert!(TABLE.iter().any(|row| row.0 == code), "{code} is not documented");
        }
        assert!(TABLE.iter().any(|row| row.0 == Exit::BrokenPipe.code()));
    }

    #[test]
    fn the_worst_result_decides() {
        let (sound, damaged, forged) = (None, Some(Exit::Damaged), Some(Exit::Untrusted));
        for (one, other, result) in [
            (sound, sound, sound),
            (sound, Some(Exit::Usage), Some(Exit::Usage)),
            (damaged, sound, damaged),
            (forged, damaged, forged),
            (damaged, forged, forged),
            (Some(Exit::Io), damaged, damaged),
            (Some(Exit::NotAStream), Some(Exit::NoKey), Some(Exit::NotAStream)),
        ] {
            assert_eq!(worse(one, other), result, "{one:?} {other:?}");
        }
    }
}
