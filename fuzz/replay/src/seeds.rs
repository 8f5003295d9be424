//! The seeds that every corpus begins with, made by the reference implementation.
//!
//! `cargo run -p sv2-fuzz-bodies --example seeds` writes them to `fuzz/corpus`.
//! A seed whose name begins with `good` is accepted by its target, one with `bad` is refused.

mod change;
mod small;

use crate::{KEY, parity_seeds, parts, segment};
use sv2_testkit::paint;
use sv2_testkit::reference::{
    AES_256_GCM, CHACHA20_POLY1305, DIGEST_BLAKE3, DIGEST_NONE, DIGEST_SHA256, Params, Trace,
    encrypt_traced, forge,
};

/// One file of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The fuzz target, and the folder below `fuzz/corpus`.
    pub target: &'static str,
    /// The name of the file.
    pub name: String,
    /// What the target is given.
    pub data: Vec<u8>,
}

/// All seeds of all targets, the same at every call.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for selector in 0..6 {
        let Some(params) = segment::params(selector) else { continue };
        for len in [0, 1, 257, 2500] {
            let sample = Sample::new(&params, len);
            seeds.extend(sample.stream_seeds());
            seeds.extend(sample.opening_seeds());
            if len > 0 {
                seeds.extend(sample.segment_seeds(selector));
            }
            // Nothing before the keys depends on the suite.
            if params.suite == AES_256_GCM {
                seeds.extend(sample.tail_seeds());
            }
            if len > 0 && params.suite == AES_256_GCM {
                seeds.extend(sample.framing_seeds());
            }
        }
    }
    seeds.extend(header_seeds());
    seeds.extend(small::seeds());
    seeds.extend(change::seeds());
    let of_parity = |(name, data)| Seed { target: "parity_repair", name, data };
    seeds.extend(parity_seeds().into_iter().map(of_parity));
    let of_parts = |(name, data)| Seed { target: "parts_read", name, data };
    seeds.extend(parts::seeds().into_iter().map(of_parts));
    seeds
}

/// A stream of painted plaintext, and what it was made of.
struct Sample {
    name: String,
    params: Params,
    stream: Vec<u8>,
    trace: Trace,
}

impl Sample {
    fn new(params: &Params, len: usize) -> Self {
        let mut salts = |index: u64| [index as u8 + 1; 24];
        let (stream, trace) = encrypt_traced(&KEY, params, &mut salts, &paint::paint(len));
        let name = format!("suite{}-digest{}-{len}", params.suite, params.digest);
        Self { name, params: params.clone(), stream, trace }
    }

    /// The wire bytes of the last segment, and its number.
    fn last_segment(&self) -> (u8, &[u8]) {
        let last = self.trace.segments.len() as u64 - 1;
        let layout = self.params.layout();
        let start = layout.segment_offset(last) as usize;
        let end = self.stream.len() - self.tail_len();
        (last as u8, &self.stream[start..end])
    }

    /// Bytes from the header copy on.
    fn tail_len(&self) -> usize {
        let entries: usize = self.trace.index_entries.iter().map(Vec::len).sum();
        self.trace.header.len() + entries + 32 * self.trace.page_hashes.len() + 128
    }

    fn framing_seeds(&self) -> Vec<Seed> {
        let (index, wire) = self.last_segment();
        let Params { frames_log2, digest, .. } = self.params;
        let selector = index << 6 | frames_log2 << 4 | digest;
        good_and_bad("framing_decode", &self.name, selector, wire, &[4, 8, 65])
    }

    fn segment_seeds(&self, selector: u8) -> Vec<Seed> {
        let (index, wire) = self.last_segment();
        let selector = selector | index << 4;
        let mut seeds = good_and_bad("segment_decrypt", &self.name, selector, wire, &[24, 50, 80]);
        let mut repaired = wire.to_vec();
        repaired[56..64].fill(0);
        seeds.push(seed("segment_decrypt", "good-repaired", &self.name, selector | 8, &repaired));
        seeds
    }

    fn stream_seeds(&self) -> Vec<Seed> {
        let stream = &self.stream;
        // Seal and page table or, in an empty stream, the trailer's magic.
        let mut changed = vec![stream.len() - 40, stream.len() - 128];
        if !self.trace.segments.is_empty() {
            changed.push(self.trace.header.len() + 72);
        }
        let target = "stream_decrypt";
        let mut seeds = good_and_bad(target, &self.name, 0, stream, &changed);
        if !self.trace.segments.is_empty() {
            let unsealed = &stream[..stream.len() - self.tail_len()];
            seeds.push(seed(target, "good-unsealed", &self.name, 2, unsealed));
        }
        let mut old = stream.clone();
        old[stream.len() - 49] ^= 1;
        seeds.push(seed(target, "bad-stale", &self.name, 1, &old));
        old[stream.len() - 49] ^= 1;
        old[50..60].fill(0);
        seeds.push(seed(target, "good-repaired", &self.name, 1, &old));
        seeds
    }

    /// The stream, whole and cut, with one bit of each part of its end changed.
    fn opening_seeds(&self) -> Vec<Seed> {
        let stream = &self.stream;
        let end = stream.len();
        let changed = [end - 40, end - 128];
        let mut seeds = good_and_bad("opening", &self.name, 0, stream, &changed);
        let mut front = stream.clone();
        front[50..60].fill(0);
        seeds.push(seed("opening", "good-copy", &self.name, 2 | 2 << 2, &front));
        seeds.push(seed("opening", "good-sparing", &self.name, 2 | 3 << 2 | 3 << 4, stream));
        seeds.push(seed("opening", "good-sealed-anew", &self.name, 1 | 1 << 2, stream));
        seeds
    }

    fn tail_seeds(&self) -> Vec<Seed> {
        let tail = &self.stream[self.stream.len() - self.tail_len() + self.trace.header.len()..];
        let selector = self.params.frames_log2 << 3;
        let trailer = tail.len() - 128;
        let changed = [trailer + 3, trailer + 10, trailer + 31];
        good_and_bad("tail_decode", &self.name, selector, tail, &changed)
    }
}

/// Headers with nothing in them, with each kind of section, and broken ones.
fn header_seeds() -> Vec<Seed> {
    let plain = |digest| Params::tiny(AES_256_GCM, digest, 2);
    let slot = [&[0, 1][..], AGE_HEADER, &[0xEE; 64]].concat();
    let private = (0x8001, vec![7; 5]);
    let metadata = Some((b"{}".to_vec(), [9; 24]));
    let variants = [
        ("plain", plain(DIGEST_NONE)),
        ("sha256", plain(DIGEST_SHA256)),
        ("blake3", plain(DIGEST_BLAKE3)),
        ("chacha20", Params::tiny(CHACHA20_POLY1305, DIGEST_NONE, 2)),
        (
            "slotted",
            Params { slotted: true, header_len: 640, sections: vec![(1, slot)], ..plain(0) },
        ),
        ("private", Params { header_len: 320, sections: vec![private], ..plain(0) }),
        ("metadata", Params { header_len: 384, metadata, ..plain(0) }),
    ];
    let seed = |name: String, data: Vec<u8>| Seed { target: "header_decode", name, data };
    let mut seeds = Vec::new();
    for (name, params) in variants {
        let header = Sample::new(&params, 0).trace.header;
        for at in [0, 9, 10, 15, 81, 86] {
            let mut broken = header.clone();
            broken[at] ^= 0x80;
            forge::refresh_crc(&mut broken);
            seeds.push(seed(format!("bad-byte{at}-{name}.bin"), broken));
        }
        seeds.push(seed(format!("bad-cut-{name}.bin"), header[..header.len() - 1].to_vec()));
        seeds.push(seed(format!("good-{name}.bin"), header));
    }
    let slotted = |header_len, slots: Vec<Vec<u8>>| Params {
        slotted: true,
        header_len,
        sections: slots.into_iter().map(|slot| (1, slot)).collect(),
        ..plain(0)
    };
    let scrypt = [&[0, 1][..], SCRYPT_HEADER, &[0xEE; 64]].concat();
    let unknown = vec![0, 2];
    for (name, params) in [
        ("good-scrypt", slotted(640, vec![scrypt.clone()])),
        ("bad-two-scrypt", slotted(896, vec![scrypt.clone(), scrypt])),
        ("good-64-slots", slotted(704, vec![unknown.clone(); 64])),
        ("bad-65-slots", slotted(704, vec![unknown; 65])),
    ] {
        seeds.push(seed(format!("{name}.bin"), Sample::new(&params, 0).trace.header));
    }
    seeds
}

/// An age file for one recipient, up to its payload of 64 bytes.
pub(crate) const AGE_HEADER: &[u8] = b"age-encryption.org/v1\n\
    -> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n\
    EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n\
    --- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

/// The same for a passphrase.
const SCRYPT_HEADER: &[u8] = b"age-encryption.org/v1\n\
    -> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\n\
    ZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n\
    --- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

/// The unit as it is, cut by a byte, and with single bytes changed.
fn good_and_bad(
    target: &'static str,
    name: &str,
    selector: u8,
    unit: &[u8],
    changed: &[usize],
) -> Vec<Seed> {
    let mut seeds = vec![
        seed(target, "good", name, selector, unit),
        seed(target, "bad-cut", name, selector, &unit[..unit.len() - 1]),
    ];
    for &at in changed {
        let mut broken = unit.to_vec();
        broken[at] ^= 0x80;
        seeds.push(seed(target, &format!("bad-byte{at}"), name, selector, &broken));
    }
    seeds
}

fn seed(target: &'static str, kind: &str, name: &str, selector: u8, unit: &[u8]) -> Seed {
    let data = [&[selector], unit].concat();
    Seed { target, name: format!("{kind}-{name}.bin"), data }
}
