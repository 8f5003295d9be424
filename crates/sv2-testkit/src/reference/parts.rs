//! One stream that many machines seal, part by part (appendix A).

use super::change::tail;
use super::encrypt::{core, header, segment};
use super::header::{Header, check_structure, declared_len, open_header};
use super::keys::{fingerprint, label};
use super::outcome::{FailureKind, Limits};
use super::primitives::{array, crc64, hkdf_expand, hmac_sha256, u16_at, u32_at, u64_at};
use super::{Keys, Layout, Params};

const PLAN_MAGIC: [u8; 8] = *b"SV2PLAN\n";
const RECEIPT_MAGIC: [u8; 8] = *b"SV2RCPT\n";

/// Why a plan, a part or a tail is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An error of section 9, of the header in the plan.
    Stream(FailureKind),
    /// What F-1230 to F-1234 refuse.
    Parts,
}

/// How plaintext is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes of plaintext.
    pub plaintext_len: u64,
    /// Segments in a part.
    pub per_part: u64,
    /// The fewest bytes of a part.
    pub min_len: u64,
}

/// The parts of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// How many they are.
    pub count: u64,
    per_part: u64,
    segments: u64,
}

impl Parts {
    /// The first and the end of the segments of a part, by its number.
    pub fn segments(&self, part: u64) -> Option<(u64, u64)> {
        let before = part.checked_sub(1).filter(|before| *before < self.count)?;
        let first = before * self.per_part;
        let end = if part == self.count { self.segments } else { first + self.per_part };
        Some((first, end))
    }
}

/// The parts of a plan that is authentic under this key and possible (F-1230, F-1232).
pub fn parts_of(plan: &[u8], k_segments: &[u8; 32]) -> Option<Parts> {
    Plan::open(plan, k_segments).map(|plan| plan.parts)
}

/// Where a stream is cut.
fn parts(layout: &Layout, cut: &Cut) -> Option<Parts> {
    let segments = layout.segment_count(cut.plaintext_len);
    if cut.per_part == 0 || segments == 0 || cut.plaintext_len > layout.max_plaintext_len() {
        return None;
    }
    let tail = layout.tail_offset(cut.plaintext_len);
    let count = match segments.div_ceil(cut.per_part) {
        1 if tail < cut.min_len => return None,
        1 => 1,
        more => {
            let last = layout.segment_offset((more - 1) * cut.per_part);
            if tail - last < cut.min_len { more - 1 } else { more }
        }
    };
    u32::try_from(count).ok()?;
    Some(Parts { count, per_part: cut.per_part, segments })
}

fn parts_key(k_segments: &[u8; 32]) -> [u8; 32] {
    hkdf_expand(k_segments, &label("parts"))
}

/// A plan for a new stream.
///
/// # Errors
///
/// `Parts` where the plaintext cannot be cut so.
pub fn plan(
    key: &[u8; 32],
    params: &Params,
    tag: &[u8],
    cut: &Cut,
) -> Result<(Vec<u8>, usize), Refused> {
    let core = core(params);
    let keys = Keys::derive(key, &core, &params.context);
    let count = parts(&params.layout(), cut).ok_or(Refused::Parts)?.count as usize;
    let mut plan = PLAN_MAGIC.to_vec();
    plan.extend([0, 1]);
    plan.extend((tag.len() as u16).to_be_bytes());
    for number in [cut.per_part, cut.min_len, cut.plaintext_len] {
        plan.extend(number.to_be_bytes());
    }
    plan.extend(tag);
    plan.extend(header(params, &core, &keys));
    plan.extend(hmac_sha256(&parts_key(&keys.k_segments), &plan));
    Ok((plan, count))
}

/// A plan whose MAC holds and whose fields are possible.
struct Plan {
    tag: Vec<u8>,
    cut: Cut,
    parts: Parts,
    header: Header,
    id: [u8; 32],
}

/// The bytes of the header in a plan, which nobody judged yet.
fn header_in(plan: &[u8]) -> Option<&[u8]> {
    let content = &plan[..plan.len().checked_sub(32)?];
    let tag_len = usize::from(u16_at(content.get(..12)?, 10));
    content.get(36 + tag_len..)
}

impl Plan {
    /// F-1230, F-1232.
    fn open(bytes: &[u8], k_segments: &[u8; 32]) -> Option<Plan> {
        let (content, id) = bytes.split_last_chunk::<32>()?;
        if hmac_sha256(&parts_key(k_segments), content) != *id {
            return None;
        }
        let header = header_in(bytes)?;
        if content[..8] != PLAN_MAGIC || u16_at(content, 8) != 1 {
            return None;
        }
        if declared_len(header) != Some(header.len()) {
            return None;
        }
        let header = check_structure(header, &Limits::FORMAT).ok()?;
        let cut = Cut {
            per_part: u64_at(content, 12),
            min_len: u64_at(content, 20),
            plaintext_len: u64_at(content, 28),
        };
        let parts = parts(&header.layout, &cut)?;
        let tag = content[36..content.len() - header.bytes.len()].to_vec();
        Some(Plan { tag, cut, parts, header, id: *id })
    }

    fn params(&self) -> Params {
        let Layout { frame_log2, frames_log2, digest, header_len } = self.header.layout;
        let params = Params::new(self.header.suite, digest);
        Params { frame_log2, frames_log2, header_len, revision: self.header.revision, ..params }
    }
}

/// The bytes of a part and its receipt, from its plaintext.
///
/// # Errors
///
/// `Parts` for what F-1230 and F-1232 refuse, and for a part that the plan does not have.
pub fn seal_part(
    plan: &[u8],
    k_segments: &[u8; 32],
    (source_len, tag): (u64, &[u8]),
    (part, stored_as): (u32, &[u8]),
    plaintext: &[u8],
    salts: &mut dyn FnMut(u64) -> [u8; 24],
) -> Result<(Vec<u8>, Vec<u8>), Refused> {
    let plan = Plan::open(plan, k_segments).ok_or(Refused::Parts)?;
    if source_len != plan.cut.plaintext_len || tag != plan.tag {
        return Err(Refused::Parts);
    }
    let (first, end) = plan.parts.segments(part.into()).ok_or(Refused::Parts)?;
    let layout = plan.header.layout;
    let at = |segment: u64| (segment * layout.segment_size()).min(plan.cut.plaintext_len);
    if plaintext.len() as u64 != at(end) - at(first) {
        return Err(Refused::Parts);
    }
    let mut wire = if part == 1 { plan.header.bytes.clone() } else { Vec::new() };
    let mut receipt = RECEIPT_MAGIC.to_vec();
    receipt.extend(part.to_be_bytes());
    receipt.extend((stored_as.len() as u16).to_be_bytes());
    receipt.extend([0; 2]);
    receipt.extend(plan.id);
    receipt.extend(stored_as);
    // Segments need no key but their own.
    let mut keys = Keys::derive(&[0; 32], &[0; 48], b"");
    keys.k_segments = *k_segments;
    keys.commitment = array(&plan.header.bytes, 48);
    let params = plan.params();
    for (index, plaintext) in (first..).zip(plaintext.chunks(layout.segment_size() as usize)) {
        let salt = salts(index);
        let (sealed, trace) = segment(&params, &keys, index, salt, plaintext);
        wire.extend(sealed);
        receipt.extend([&salt[..], &trace.digest, &trace.crc.to_be_bytes()].concat());
    }
    receipt.extend(hmac_sha256(&parts_key(k_segments), &receipt));
    Ok((wire, receipt))
}

/// What a store says of a part.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The part's number.
    pub part: u32,
    /// What it calls the bytes.
    pub name: Option<Vec<u8>>,
    /// Their CRC.
    pub crc: Option<u64>,
}

/// The end of a stream of parts.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The tail.
    pub tail: Vec<u8>,
    /// Bytes of the stream.
    pub len: u64,
    /// CRC of the stream.
    pub crc: u64,
    /// The fingerprint.
    pub fingerprint: [u8; 32],
}

/// The tail from the receipts and from what the store holds (F-1231).
///
/// # Errors
///
/// `Stream` where the header in the plan does not open; `Parts` for everything else.
pub fn finish(
    key: &[u8; 32],
    context: &[u8],
    plan: &[u8],
    receipts: &[Vec<u8>],
    stored: &[Stored],
) -> Result<Finished, Refused> {
    let header = header_in(plan).ok_or(Refused::Parts)?;
    let (_, keys) = open_header(header, key, context, &Limits::FORMAT).map_err(Refused::Stream)?;
    let plan = Plan::open(plan, &keys.k_segments).ok_or(Refused::Parts)?;
    let parts = plan.parts.count as u32;
    let receipts: Option<Vec<Receipt>> =
        receipts.iter().map(|bytes| Receipt::open(bytes, &plan, &keys.k_segments)).collect();
    let receipts = receipts.ok_or(Refused::Parts)?;
    if stored.iter().any(|held| held.part == 0 || held.part > parts) {
        return Err(Refused::Parts);
    }
    let (mut index, mut crc, mut len) = (Vec::new(), crc64(&[]), 0);
    for part in 1..=parts {
        let held: Vec<&Stored> = stored.iter().filter(|held| held.part == part).collect();
        let [held] = held[..] else { return Err(Refused::Parts) };
        let mut chosen = receipts.iter().filter(|receipt| {
            let named = held.name.as_ref().map(|name| *name == receipt.name);
            let summed = held.crc.map(|crc| crc == receipt.crc(&plan).0);
            receipt.part == part
                && named.unwrap_or(true)
                && summed.unwrap_or(true)
                && (named.is_some() || summed.is_some())
        });
        let receipt = chosen.next().ok_or(Refused::Parts)?;
        if chosen.any(|other| other != receipt) {
            return Err(Refused::Parts);
        }
        index.extend(&receipt.entries);
        let (part_crc, part_len) = receipt.crc(&plan);
        crc = join(crc, part_crc, part_len);
        len += part_len;
    }
    let params = plan.params();
    let tail = tail(&params, &keys, &plan.header.bytes, &index, plan.cut.plaintext_len);
    let trailer = &tail[tail.len() - 128..];
    Ok(Finished {
        len: len + tail.len() as u64,
        crc: join(crc, crc64(&tail), tail.len() as u64),
        fingerprint: fingerprint(&plan.header.bytes, trailer),
        tail,
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Receipt {
    part: u32,
    name: Vec<u8>,
    entries: Vec<u8>,
}

impl Receipt {
    fn open(bytes: &[u8], plan: &Plan, k_segments: &[u8; 32]) -> Option<Receipt> {
        let (content, mac) = bytes.split_last_chunk::<32>()?;
        if hmac_sha256(&parts_key(k_segments), content) != *mac || content.len() < 48 {
            return None;
        }
        if content[..8] != RECEIPT_MAGIC || content[14..16] != [0; 2] || content[16..48] != plan.id
        {
            return None;
        }
        let part = u32_at(content, 8);
        let (first, end) = plan.parts.segments(part.into())?;
        let name_len = usize::from(u16_at(content, 12));
        let (name, entries) = content[48..].split_at_checked(name_len)?;
        let wanted = (end - first) * plan.header.layout.entry_len();
        (entries.len() as u64 == wanted).then(|| Receipt {
            part,
            name: name.to_vec(),
            entries: entries.to_vec(),
        })
    }

    /// CRC and length of the part's bytes, from its entries alone.
    fn crc(&self, plan: &Plan) -> (u64, u64) {
        let layout = plan.header.layout;
        let header = if self.part == 1 { &plan.header.bytes[..] } else { &[] };
        let (mut crc, mut len) = (crc64(header), header.len() as u64);
        let (first, _) = plan.parts.segments(self.part.into()).unwrap_or_default();
        for (index, entry) in (first..).zip(self.entries.chunks(layout.entry_len() as usize)) {
            let p = layout.segment_plaintext_len(plan.cut.plaintext_len, index);
            let stored = &entry[entry.len() - 8..];
            let segment = join(u64_at(stored, 0), crc64(stored), 8);
            crc = join(crc, segment, layout.segment_len(p));
            len += layout.segment_len(p);
        }
        (crc, len)
    }
}

/// The CRC of two messages one behind the other, from their CRCs and the length of the second: the
/// register of the first goes on through as many zero bytes, one at a time (section 6.1).
fn join(first: u64, second: u64, len: u64) -> u64 {
    const REFLECTED: u64 = 0x9A6C_9329_AC4B_C9B5;
    let mut register = first;
    for _ in 0..8 * len {
        register = if register & 1 == 1 { register >> 1 ^ REFLECTED } else { register >> 1 };
    }
    register ^ second
}
