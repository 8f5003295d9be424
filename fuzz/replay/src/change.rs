//! Change records: what a recovery does to a stream, and what stops it (local-files.md
//! section 1.1).

mod disk;
mod model;
pub(crate) mod states;

use crate::{KEY, Verdict, split};
use disk::Disk;
use model::Expected;
use states::{States, ended};
use sv2_core::{ChangeOptions, ErrorKind, KeySource, Recovery, StreamError, StreamKey, recover_on};
use sv2_testkit::reference::forge::refresh_crc;

/// Settles a record beside a stream: at once, and after being cut off at a change.
///
/// The selector's lowest bit makes the checksums of the writes right first, the next one MAC and
/// hash; two more choose the state of the stream, and the rest says before which call that changes
/// something the recovery is cut off.
///
/// # Panics
///
/// Where the stream is not left as the appendix says, where a record is removed that has to
/// stay, or where being cut off changes the end (F-1102).
pub fn change_replay(data: &[u8]) -> Verdict {
    let Some((selector, record)) = split(data) else { return Verdict::Refused };
    let record = repaired(selector, record);
    let states = States::new();
    let stream = states.beside(selector >> 2 & 3);
    let expected = model::expected(&states, &stream, &record);

    let disk = Disk::new(&stream, &record);
    let result = settle(&disk);
    let (after, left) = disk.contents();
    match (&expected, &result) {
        (Expected::Refused, Err(error)) => {
            let judged = matches!(error, StreamError::RefusedChange(_));
            assert!(judged || error.kind() == ErrorKind::Key, "{error}");
            assert_eq!((after, left), (stream, Some(record)));
            return Verdict::Refused;
        }
        (Expected::Discarded, Ok(Recovery::Discarded)) => {
            assert_eq!((after, left), (stream, None));
            return Verdict::Refused;
        }
        (Expected::Finished(new), Ok(Recovery::Finished)) => assert_eq!(after, *new),
        (Expected::TakenBack(old), Ok(Recovery::TakenBack)) => assert_eq!(after, *old),
        _ => panic!("{result:?} where {expected:?} is right"),
    }
    assert_eq!(left, None);

    let cut = Disk::new(&stream, &record).stopping_before(usize::from(selector >> 4));
    if settle(&cut).is_err() {
        let (half, left) = cut.contents();
        assert!(left.is_some() || half == after, "a record stays until the stream is whole");
        let again = Disk::new(&half, &record);
        settle(&again).expect("a recovery that was cut off can be done again");
        assert_eq!(again.contents(), (after, None));
    }
    Verdict::Accepted
}

fn settle(disk: &Disk) -> Result<Recovery, StreamError> {
    let key = StreamKey::from_bytes(KEY);
    recover_on(disk, &KeySource::Key(&key), &ChangeOptions::standard())
}

/// Makes right what the selector asks for, as far as it is there.
fn repaired(selector: u8, record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    let Some(end) = record.len().checked_sub(64).filter(|end| *end >= 152) else { return record };
    if selector & 1 != 0 {
        let header_len = u32::from_be_bytes(std::array::from_fn(|byte| record[12 + byte]));
        let mut at = 152_usize.saturating_add(header_len as usize);
        while at.saturating_add(24) <= end {
            let len = u32::from_be_bytes(std::array::from_fn(|byte| record[at + 8 + byte]));
            let Some(write) = record[..end].get_mut(at..at + 24 + len as usize) else { break };
            refresh_crc(write);
            at += write.len();
        }
    }
    if selector & 2 != 0 && end >= 152 + 48 {
        record.truncate(end);
        record = ended(record);
    }
    record
}
