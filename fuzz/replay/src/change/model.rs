//! What a change record means, read from front to back out of memory (appendix A.2, F-1206, F-1207,
//! F-1210, F-1212).

use sv2_testkit::reference::primitives::{crc_holds, sha256};

/// What has to come of a replay.
#[derive(Debug)]
pub(super) enum Expected {
    /// Neither file may be touched.
    Refused,
    /// A redo, and the stream after it.
    Finished(Vec<u8>),
    /// An undo, and the stream after it.
    TakenBack(Vec<u8>),
}

/// Judges a change record beside bytes that are no sealed stream, which no damaged change record is dropped by.
pub(super) fn expected(stream: &[u8], record: &[u8]) -> Expected {
    let Some((body, hash)) = record.split_last_chunk::<32>() else { return Expected::Refused };
    if body.len() < 32 || sha256(body) != *hash {
        return Expected::Refused;
    }
    let is_redo = body[11] == 1;
    match replayed(stream, body) {
        None => Expected::Refused,
        Some(after) if is_redo => Expected::Finished(after),
        Some(after) => Expected::TakenBack(after),
    }
}

/// The stream after the replay of a change record whose hash was right.
fn replayed(stream: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let (head, mut rest) = body.split_at(32);
    if head[..11] != *b"SV2CHNG\n\0\x01\0" || head[12..16] != [0; 4] {
        return None;
    }
    let len = usize::try_from(long(head, 16)).ok()?;
    match head[11] {
        1 if len == stream.len() => {}
        2 if len <= stream.len() => {}
        _ => return None,
    }
    let mut after = stream.to_vec();
    let mut witnesses = Vec::new();
    let mut writes = 0;
    for _ in 0..long(head, 24) {
        let bytes_len = u32::from_be_bytes(rest.get(8..12)?.try_into().ok()?) as usize;
        let record = rest.get(..24 + bytes_len)?;
        rest = &rest[record.len()..];
        let offset = usize::try_from(long(record, 0)).ok()?;
        let end = offset.checked_add(bytes_len).filter(|end| *end <= len)?;
        if bytes_len > 1 << 20 || !crc_holds(record) {
            return None;
        }
        let bytes = &record[16..16 + bytes_len];
        match record[12..16] {
            [0, 0, 0, 1] if writes == 0 && witnesses.len() < 16 => {
                witnesses.push((offset..end, bytes));
            }
            [0, 0, 0, 2] => {
                writes += 1;
                after[offset..end].copy_from_slice(bytes);
            }
            _ => return None,
        }
        // What a witness names is there before the first write and after each.
        if witnesses.iter().any(|(range, bytes)| after[range.clone()] != **bytes) {
            return None;
        }
    }
    after.truncate(len);
    let is_named = witnesses.iter().any(|(range, _)| range.len() >= 80);
    (is_named && rest.is_empty()).then_some(after)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}
