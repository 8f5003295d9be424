//! Change records of changes: what a replay does to a stream, and what stops it (appendix A.2).

mod disk;
mod model;

use crate::{Verdict, split};
use disk::Disk;
use model::Expected;
use sv2_core::{Recovery, StreamError, recover_on};
use sv2_testkit::paint;
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::primitives::sha256;

/// Bytes of the stream beside the change record.
const STREAM_LEN: usize = 300;

/// Replays a change record on a painted stream: at once, and after being cut off at a write.
///
/// The selector's low bits make the checksums of the records and the hash right first; the rest
/// says before which call that changes something the replay is cut off.
///
/// # Panics
///
/// Where the stream is not left as the appendix says, where a change record is removed that has to
/// stay, or where being cut off changes the end (F-1102).
pub fn change_replay(data: &[u8]) -> Verdict {
    let Some((selector, record)) = split(data) else { return Verdict::Refused };
    let mut record = record.to_vec();
    repair(selector, &mut record);
    let stream = paint::paint(STREAM_LEN);
    let expected = model::expected(&stream, &record);

    let disk = Disk::new(&stream, &record);
    let result = recover_on(&disk);
    let (after, left) = disk.contents();
    match (&expected, &result) {
        (Expected::Refused, Err(StreamError::UnfinishedChange { .. })) => {
            assert_eq!((after, left), (stream, Some(record)));
            return Verdict::Refused;
        }
        (Expected::Finished(new), Ok(Recovery::Finished)) => assert_eq!(after, *new),
        (Expected::TakenBack(old), Ok(Recovery::TakenBack)) => assert_eq!(after, *old),
        _ => panic!("{result:?} where {expected:?} is right"),
    }
    assert_eq!(left, None);

    let cut = Disk::new(&stream, &record).stopping_before(usize::from(selector >> 2));
    if recover_on(&cut).is_err() {
        let (half, left) = cut.contents();
        assert!(left.is_some() || half == after, "a change record stays until the stream is whole");
        let again = Disk::new(&half, &record);
        assert!(recover_on(&again).is_ok(), "a replay that was cut off can be replayed");
        assert_eq!(again.contents(), (after, None));
    }
    Verdict::Accepted
}

/// Makes right what the selector asks for, as far as records are there.
fn repair(selector: u8, record: &mut [u8]) {
    let Some(end) = record.len().checked_sub(32).filter(|end| *end >= 32) else { return };
    if selector & 1 != 0 {
        let mut at = 32;
        while at + 24 <= end {
            let len = u32::from_be_bytes(std::array::from_fn(|byte| record[at + 8 + byte]));
            let Some(record) = record[..end].get_mut(at..at + 24 + len as usize) else { break };
            refresh_crc(record);
            at += record.len();
        }
    }
    if selector & 2 != 0 {
        let hash = sha256(&record[..end]);
        record[end..].copy_from_slice(&hash);
    }
}
