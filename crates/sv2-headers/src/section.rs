//! The sections of a header: key slots, sealed metadata, what later versions add (section 3).

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::HeaderError;
use crate::slot::{self, AgeSlot};

/// Type of a key slot.
pub const SECTION_SLOT: u16 = 1;
/// Type of the sealed metadata.
pub const SECTION_METADATA: u16 = 2;
/// Slot kind of one complete binary age v1 file that holds the stream key.
pub const SLOT_KIND_AGE: u16 = 1;
/// Slot kinds for private use (format.md section 3.3).
pub const PRIVATE_SLOT_KINDS: RangeInclusive<u16> = 0x8000..=0xffff;
/// The largest number of slots in a header.
pub const MAX_SLOTS: usize = 64;

/// Types with this bit may be skipped by who does not know them.
const SKIPPABLE: u16 = 0x8000;
/// Type and body length.
const SECTION_HEAD_LEN: usize = 6;
/// Salt and tag of the metadata, around a plaintext that may be empty.
const MIN_METADATA_LEN: usize = 24 + 16;

/// One section: its type and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The type; 0 is not a section but the end of the list.
    pub kind: u16,
    /// The body; for a slot it begins with the slot kind.
    pub body: Vec<u8>,
}

impl Section {
    /// A key slot of the given slot kind.
    #[must_use]
    pub fn slot(slot_kind: u16, bytes: &[u8]) -> Self {
        let mut body = Vec::with_capacity(2 + bytes.len());
        body.extend_from_slice(&slot_kind.to_be_bytes());
        body.extend_from_slice(bytes);
        Self { kind: SECTION_SLOT, body }
    }

    /// A key slot of a kind of the caller's own, one of [`PRIVATE_SLOT_KINDS`], which readers that
    /// do not know it skip; `None` for another kind.
    #[must_use]
    pub fn private_slot(slot_kind: u16, bytes: &[u8]) -> Option<Self> {
        PRIVATE_SLOT_KINDS.contains(&slot_kind).then(|| Self::slot(slot_kind, bytes))
    }

    /// The slot kind and the slot's bytes, if this is a slot.
    #[must_use]
    pub fn as_slot(&self) -> Option<(u16, &[u8])> {
        if self.kind != SECTION_SLOT {
            return None;
        }
        let (kind, bytes) = self.body.split_first_chunk::<2>()?;
        Some((u16::from_be_bytes(*kind), bytes))
    }
}

/// Bytes that these sections take in a header.
#[must_use]
pub fn sections_len(sections: &[Section]) -> usize {
    sections.iter().map(|section| SECTION_HEAD_LEN + section.body.len()).sum()
}

/// Writes the sections into `area`, which is zero and long enough.
pub(crate) fn encode(sections: &[Section], area: &mut [u8]) {
    let mut at = 0;
    for section in sections {
        // A header is at most 65,536 bytes, so a body's length fits four.
        let body_len = section.body.len() as u32;
        area[at..at + 2].copy_from_slice(&section.kind.to_be_bytes());
        area[at + 2..at + 6].copy_from_slice(&body_len.to_be_bytes());
        at += SECTION_HEAD_LEN;
        area[at..at + section.body.len()].copy_from_slice(&section.body);
        at += section.body.len();
    }
}

/// Reads the sections out of `area`, which begins at `base` bytes into the header.
///
/// # Errors
/// In the order of F-335: of each section where it is met, of the bytes after the list, of the
/// age files in the slots.
pub(crate) fn decode(area: &[u8], slotted: bool, base: u64) -> Result<Vec<Section>, HeaderError> {
    let mut sections = Vec::new();
    let mut rules = Rules::new(slotted);
    let mut rest = area;
    while let Some((head, body_and_more)) = rest.split_first_chunk::<SECTION_HEAD_LEN>() {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        if kind == 0 {
            break;
        }
        let offset = base + (area.len() - rest.len()) as u64;
        let body_len = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        let body = usize::try_from(body_len)
            .ok()
            .and_then(|len| body_and_more.get(..len))
            .ok_or(HeaderError::Malformed { what: "section length", offset })?;
        let section = Section { kind, body: body.to_vec() };
        rules.admit(&section, offset)?;
        sections.push(section);
        rest = &body_and_more[body.len()..];
    }
    // F-313
    if rest.iter().any(|&byte| byte != 0) {
        let offset = base + (area.len() - rest.len()) as u64;
        return Err(HeaderError::Malformed { what: "padding after the sections", offset });
    }
    check_age_files(&sections, base)?;
    Ok(sections)
}

/// The rules of F-314 to F-316, F-318, F-319, F-320, F-321 and F-329 for sections that are to be
/// encoded, and that none of them has type 0.
pub(crate) fn check(sections: &[Section], slotted: bool, base: u64) -> Result<(), HeaderError> {
    let mut rules = Rules::new(slotted);
    for (section, offset) in with_offsets(sections, base) {
        if section.kind == 0 {
            return malformed("section of type 0", offset);
        }
        rules.admit(section, offset)?;
    }
    check_age_files(sections, base)
}

/// What the sections before one have to do with whether it may stand where it stands.
struct Rules {
    slotted: bool,
    slots: usize,
    metadata: usize,
}

impl Rules {
    fn new(slotted: bool) -> Self {
        Self { slotted, slots: 0, metadata: 0 }
    }

    /// Judges the next section of the list, which begins at `offset` in the header.
    fn admit(&mut self, section: &Section, offset: u64) -> Result<(), HeaderError> {
        match section.kind {
            SECTION_METADATA => {
                self.metadata += 1;
                // F-315
                if self.metadata > 1 {
                    return malformed("second metadata section", offset);
                }
                // F-329
                if section.body.len() < MIN_METADATA_LEN {
                    return malformed("metadata section", offset);
                }
            }
            SECTION_SLOT => {
                self.slots += 1;
                // F-316
                if !self.slotted {
                    return malformed("key slot in a stream without the slotted flag", offset);
                }
                // F-318
                if section.as_slot().is_none() {
                    return malformed("key slot", offset);
                }
                // F-319
                if self.slots > MAX_SLOTS {
                    return Err(HeaderError::Limit {
                        what: "number of key slots",
                        value: self.slots as u64,
                        max: MAX_SLOTS as u64,
                    });
                }
            }
            // F-314
            kind if kind & SKIPPABLE == 0 => {
                return Err(HeaderError::Unsupported { what: "section", value: kind.into() });
            }
            _ => {}
        }
        Ok(())
    }
}

/// F-320 and F-321: every slot of kind 1 is an age file, and one of them at most is for a
/// passphrase.
fn check_age_files(sections: &[Section], base: u64) -> Result<(), HeaderError> {
    let mut scrypt = 0usize;
    for (section, offset) in with_offsets(sections, base) {
        let Some((SLOT_KIND_AGE, file)) = section.as_slot() else { continue };
        match slot::age_slot(file) {
            None => return malformed("age file in a key slot", offset),
            Some(AgeSlot::Recipients) => {}
            Some(AgeSlot::Scrypt { .. }) => scrypt += 1,
        }
        if scrypt > 1 {
            return malformed("second scrypt stanza", offset);
        }
    }
    Ok(())
}

/// The sections with their offsets in the header, where the first begins at `base`.
fn with_offsets(sections: &[Section], base: u64) -> impl Iterator<Item = (&Section, u64)> {
    sections.iter().scan(base, |next, section| {
        let offset = *next;
        *next += (SECTION_HEAD_LEN + section.body.len()) as u64;
        Some((section, offset))
    })
}

fn malformed<T>(what: &'static str, offset: u64) -> Result<T, HeaderError> {
    Err(HeaderError::Malformed { what, offset })
}
