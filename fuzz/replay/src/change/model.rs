//! What a change record means, read from front to back out of memory (local-files.md section 1.1, F-1206,
//! F-1207, F-1210, F-1212, F-1214, F-1215).

use super::states::{HEADER_LEN, States, keys};
use sv2_testkit::reference::primitives::{crc_holds, hmac_sha256, sha256};

/// What has to come of a recovery.
#[derive(Debug)]
pub(super) enum Expected {
    /// Neither file may be touched.
    Refused,
    /// The record goes and the stream stays as it is.
    Discarded,
    /// A redo, and the stream after it; or an undo of what is complete.
    Finished(Vec<u8>),
    /// An undo, and the stream after it.
    TakenBack(Vec<u8>),
}

/// Judges a record beside one of the states of the stream.
pub(super) fn expected(states: &States, stream: &[u8], record: &[u8]) -> Expected {
    let is_sealed = stream == states.old || stream == states.appended;
    match body_of(record) {
        None if is_sealed => Expected::Discarded,
        None => Expected::Refused,
        Some((body, mac)) => judged(states, stream, body, mac).unwrap_or(Expected::Refused),
    }
}

/// Body and MAC of a record that is whole.
fn body_of(record: &[u8]) -> Option<(&[u8], &[u8; 32])> {
    let (rest, whole) = record.split_last_chunk::<32>()?;
    let (body, mac) = rest.split_last_chunk::<32>()?;
    let is_whole = sha256(&[&sha256(body)[..], mac].concat()) == *whole;
    (body.len() >= 152 && is_whole).then_some((body, mac))
}

/// What a record brings about; nothing where it is refused.
///
/// Nobody can make a header or a seal but with the key, so those that there are can be listed.
fn judged(states: &States, stream: &[u8], body: &[u8], mac: &[u8; 32]) -> Option<Expected> {
    let (head, rest) = body.split_at(152);
    let (header, mut rest) = rest.split_at_checked(HEADER_LEN)?;
    if head[..11] != *b"SV2CHNG\n\0\x01\0" || head[12..16] != [0, 0, 1, 0] {
        return None;
    }
    let headers = [&states.old[..HEADER_LEN], &states.rewritten[..HEADER_LEN]];
    let revision = headers.iter().position(|sealed| *sealed == header)?;
    if hmac_sha256(&keys(header)?.k_change, &sha256(body)) != *mac {
        return None;
    }
    let sealed = [&states.old, &states.rewritten, &states.appended];
    let state = sealed.iter().position(|state| state.ends_with(&head[24..]))?;
    let (before, len) = (sealed[state], sealed[state].len());
    let (generation, sealed_revision) = [(0, 0), (0, 1), (1, 0)][state];
    if revision < sealed_revision {
        return None;
    }

    let mut writes = Vec::new();
    for _ in 0..long(head, 16) {
        let bytes_len = u32::from_be_bytes(rest.get(8..12)?.try_into().ok()?) as usize;
        let write = rest.get(..bytes_len.checked_add(24)?)?;
        rest = &rest[write.len()..];
        if bytes_len > 1 << 20 || !crc_holds(write) || write[12..16] != [0; 4] {
            return None;
        }
        writes.push((usize::try_from(long(write, 0)).ok()?, &write[16..16 + bytes_len]));
    }
    if !rest.is_empty() {
        return None;
    }

    let now = (stream.len().checked_sub(128)).map(|at| &stream[at..])?;
    let has_trailer = now.starts_with(b"SV2TAIL\n");
    let is = sealed.iter().position(|state| state.ends_with(now));
    let mut after = stream.to_vec();
    match head[11] {
        1 => {
            let copy = len - 128 - 32 - 2 * 32 - HEADER_LEN;
            let (new, trailer) = (&states.rewritten[..HEADER_LEN], len - 128);
            let steps = [(copy, new), (0, new), (trailer, &states.rewritten[trailer..])];
            let is_between = stream.len() == len && now[..72] == before[trailer..][..72];
            if (state, revision) != (0, 0) || writes != steps || !is_between {
                return None;
            }
            // The states beside the record have no other revision.
            steps.iter().for_each(|(at, bytes)| after[*at..][..bytes.len()].copy_from_slice(bytes));
            Some(Expected::Finished(after))
        }
        2 => {
            let mut end = writes.first()?.0;
            let begin = end;
            let mut undone = before.clone();
            for (offset, bytes) in writes {
                if offset != end || offset + bytes.len() > len {
                    return None;
                }
                end += bytes.len();
                undone[offset..end].copy_from_slice(bytes);
            }
            let is_end = end == len && undone[len - 128..] == head[24..];
            if begin < HEADER_LEN || !is_end || stream.len() < len {
                return None;
            }
            after.truncate(len);
            after[begin..].copy_from_slice(&undone[begin..]);
            let now_generation = has_trailer.then(|| long(now, 16));
            match is {
                Some(now) if now == state => Some(Expected::TakenBack(after)),
                // Behind an append of the old state, which is whole.
                Some(2) if generation == 0 && revision == 0 => {
                    Some(Expected::Finished(stream.to_vec()))
                }
                Some(_) => None,
                None if now_generation
                    .is_none_or(|now| [generation, generation + 1].contains(&now)) =>
                {
                    Some(Expected::TakenBack(after))
                }
                None => None,
            }
        }
        _ => None,
    }
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}
