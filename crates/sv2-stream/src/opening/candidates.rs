//! Choosing between the header at the front and its copy (F-806 to F-809, F-328).

use alloc::vec::Vec;

use sv2_crypto::RootKeys;
use sv2_headers::{StreamHeader, TRAILER_LEN, Trailer};

use crate::header::DecodedHeader;
use crate::{FormatError, HeaderStart, KeyedHeader, Unit, judge_revision, judge_trailer};

/// Front header and copy, with what is known of each.
#[derive(Debug)]
pub(crate) struct Candidates {
    trailer: Trailer,
    trailer_bytes: [u8; TRAILER_LEN],
    trailer_offset: u64,
    front: Candidate,
    /// `None` where the trailer leaves no room for one.
    copy: Option<Candidate>,
    /// Keys that were found for a header with these bytes 0 to 80.
    keys: Vec<(Bound, RootKeys)>,
}

/// Core and commitment: what decides whether keys are those of a header.
type Bound = ([u8; 48], [u8; 32]);

#[derive(Debug)]
enum Candidate {
    /// Well formed, and not judged under a key.
    Decoded(DecodedHeader),
    /// Well formed, but no key was found.
    Keyless(DecodedHeader, FormatError),
    /// F-806 holds for it.
    Usable(DecodedHeader),
    Refused(FormatError),
}

impl Candidates {
    /// Judges what needs no key.
    pub(crate) fn new(
        (trailer, trailer_bytes, trailer_offset): (Trailer, [u8; TRAILER_LEN], u64),
        front: Result<Vec<u8>, FormatError>,
        copy: Option<(Vec<u8>, u64)>,
        max_segment_size: u64,
    ) -> Self {
        let decoded = |bytes: Result<Vec<u8>, FormatError>, unit, offset| match bytes
            .and_then(|bytes| DecodedHeader::decode(bytes, max_segment_size, unit, offset))
        {
            Ok(found) => Candidate::Decoded(found),
            Err(error) => Candidate::Refused(error),
        };
        // The same bytes give the same result, and the front wins.
        let same = matches!((&front, &copy), (Ok(front), Some((copy, _))) if front == copy);
        let copy = copy.filter(|_| !same).map(|(bytes, offset)| {
            let bytes = check_copy(bytes, &trailer, offset);
            decoded(bytes, Unit::HeaderCopy, offset)
        });
        let front = decoded(front, Unit::Header, 0);
        Self { trailer, trailer_bytes, trailer_offset, front, copy, keys: Vec::new() }
    }

    /// The header for which a key is needed.
    pub(crate) fn question(&self) -> Option<&StreamHeader> {
        [Some(&self.front), self.copy.as_ref()].into_iter().flatten().find_map(|candidate| {
            match candidate {
                Candidate::Decoded(found) => Some(&found.header),
                _ => None,
            }
        })
    }

    /// Takes the keys of the header in question, or why there are none.
    pub(crate) fn answer(&mut self, keys: Result<RootKeys, FormatError>) {
        let Self { front, copy, keys: known, .. } = self;
        let asked = match (front, copy) {
            (front @ Candidate::Decoded(_), _) => front,
            (_, Some(copy)) => copy,
            _ => return,
        };
        let taken = core::mem::replace(asked, Candidate::Refused(FormatError::WrongKeyOrContext));
        *asked = match (taken, keys) {
            (Candidate::Decoded(found), Ok(keys)) => {
                known.push((bound(&found.header), keys));
                Candidate::Decoded(found)
            }
            (Candidate::Decoded(found), Err(error)) => {
                let error = found.or_damaged(error);
                Candidate::Keyless(found, error)
            }
            (other, _) => other,
        };
        self.judge_with_known_keys();
    }

    /// Judges each header under keys that were found for the other one or for itself (F-328).
    pub(crate) fn judge_with_known_keys(&mut self) {
        let Self { trailer, trailer_bytes, trailer_offset, keys, .. } = self;
        for candidate in [Some(&mut self.front), self.copy.as_mut()].into_iter().flatten() {
            let (Candidate::Decoded(found) | Candidate::Keyless(found, _)) = &*candidate else {
                continue;
            };
            let bound = bound(&found.header);
            let Some((_, keys)) = keys.iter().find(|(of, _)| *of == bound) else { continue };
            let judged = found
                .judge(keys)
                .and_then(|()| {
                    judge_trailer(trailer, trailer_bytes, &found.header, keys, *trailer_offset)
                })
                .and_then(|()| {
                    judge_revision(trailer, &found.header).map_err(|error| found.or_damaged(error))
                });
            let placeholder = Candidate::Refused(FormatError::WrongKeyOrContext);
            *candidate = match (judged, core::mem::replace(candidate, placeholder)) {
                (Ok(()), Candidate::Decoded(found) | Candidate::Keyless(found, _)) => {
                    Candidate::Usable(found)
                }
                (Ok(()), other) => other,
                (Err(error), _) => Candidate::Refused(error),
            };
        }
    }

    /// The header with the higher revision, and the front at a tie (F-807); where none is usable,
    /// the error of the front, or that of the copy where the front lacks the magic (F-808).
    pub(crate) fn choose(self) -> Result<(KeyedHeader, Trailer, [u8; TRAILER_LEN]), FormatError> {
        let Self { trailer, trailer_bytes, trailer_offset, front, copy, mut keys } = self;
        let chosen = match (front.usable(), copy.map(Candidate::usable)) {
            (Ok(front), Some(Ok(copy))) if copy.header.revision > front.header.revision => copy,
            (Ok(front), _) => front,
            (Err(_), Some(Ok(copy))) => copy,
            (Err(FormatError::NotAStream), Some(Err(error))) => return Err(error),
            (Err(FormatError::NotAStream), None) => {
                let (unit, offset) = (Unit::Trailer, trailer_offset);
                let error = FormatError::Malformed { unit, what: "lengths", offset };
                return Err(error.or_damaged(&trailer_bytes, unit, offset));
            }
            (Err(error), _) => return Err(error),
        };
        let bound = bound(&chosen.header);
        let at = keys.iter().position(|(of, _)| *of == bound);
        let (_, keys) = at.map(|at| keys.swap_remove(at)).ok_or(FormatError::WrongKeyOrContext)?;
        Ok((chosen.under(keys), trailer, trailer_bytes))
    }
}

impl Candidate {
    fn usable(self) -> Result<DecodedHeader, FormatError> {
        match self {
            Self::Usable(found) => Ok(found),
            Self::Refused(error) | Self::Keyless(_, error) => Err(error),
            Self::Decoded(_) => Err(FormatError::WrongKeyOrContext),
        }
    }
}

fn bound(header: &StreamHeader) -> Bound {
    (header.core(), header.commitment)
}

/// Whether the bytes at the copy's place can be judged as a header of the trailer's length.
fn check_copy(bytes: Vec<u8>, trailer: &Trailer, offset: u64) -> Result<Vec<u8>, FormatError> {
    let unit = Unit::HeaderCopy;
    match HeaderStart::of(&bytes) {
        HeaderStart::NoMagic => {
            let error = FormatError::Malformed { unit, what: "magic", offset };
            Err(error.or_damaged(&bytes, unit, offset))
        }
        HeaderStart::Len(len) if len == trailer.header_len as usize => Ok(bytes),
        _ => Err(FormatError::ChecksumMismatch { unit, offset }),
    }
}
