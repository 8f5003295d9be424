//! Encryption of a whole stream, with every intermediate value on request.

use super::keys::{Keys, fingerprint, frame_nonce};
use super::primitives::{aead_seal, array, crc64, hmac_sha256, segment_digest, sha256};
use super::segment::{frame_header, segment_header};
use super::{HEADER_MAGIC, Params, TRAILER_MAGIC, VERSION};

/// Every intermediate value of one encryption.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The key schedule: root, commitment, prk and the four keys below it.
    pub keys: Keys,
    /// The header, and byte for byte its copy.
    pub header: Vec<u8>,
    /// The segments in order.
    pub segments: Vec<SegmentTrace>,
    /// The index entries in order: salt, digest, CRC of the segment.
    pub index_entries: Vec<Vec<u8>>,
    /// The hash of each page of 1024 entries: the page table.
    pub page_hashes: Vec<[u8; 32]>,
    /// The hash of the page table.
    pub index_root: [u8; 32],
    /// The trailer, with the seal in 88..120.
    pub trailer: [u8; 128],
    /// The seal.
    pub seal: [u8; 32],
    /// The fingerprint.
    pub fingerprint: [u8; 32],
}

/// The intermediate values of one segment.
#[derive(Clone, Debug)]
pub struct SegmentTrace {
    /// The segment header with its CRC.
    pub header: [u8; 64],
    /// The key of the segment.
    pub key: [u8; 32],
    /// The base nonce of the segment.
    pub base_nonce: [u8; 12],
    /// The frames in order.
    pub frames: Vec<FrameTrace>,
    /// The digest: 32 bytes or none.
    pub digest: Vec<u8>,
    /// The CRC in the footer.
    pub crc: u64,
}

/// The intermediate values of one frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameTrace {
    /// The nonce of the frame.
    pub nonce: [u8; 12],
    /// The CRC of the frame.
    pub crc: u64,
}

/// Encrypts `plaintext` to the bytes of a whole stream; `salts` gives the salt of each segment.
///
/// # Panics
///
/// Where the parameters cannot be written: an unknown suite, or a header too short for what it
/// shall hold.
pub fn encrypt(
    key: &[u8; 32],
    params: &Params,
    salts: &mut dyn FnMut(u64) -> [u8; 24],
    plaintext: &[u8],
) -> Vec<u8> {
    encrypt_traced(key, params, salts, plaintext).0
}

/// As [`encrypt`], with every intermediate value.
pub fn encrypt_traced(
    key: &[u8; 32],
    params: &Params,
    salts: &mut dyn FnMut(u64) -> [u8; 24],
    plaintext: &[u8],
) -> (Vec<u8>, Trace) {
    let core = core(params);
    let keys = Keys::derive(key, &core, &params.context);
    let header = header(params, &core, &keys);
    let mut stream = header.clone();

    let mut segments = Vec::new();
    let mut index_entries = Vec::new();
    let segment_size = params.layout().segment_size() as usize;
    for (index, plaintext) in (0..).zip(plaintext.chunks(segment_size)) {
        let salt = salts(index);
        let (wire, trace) = segment(params, &keys, index, salt, plaintext);
        stream.extend(wire);
        index_entries.push([&salt[..], &trace.digest, &trace.crc.to_be_bytes()].concat());
        segments.push(trace);
    }

    let page_hashes: Vec<[u8; 32]> =
        index_entries.chunks(1024).map(|page| sha256(&page.concat())).collect();
    let index_root = sha256(&page_hashes.concat());
    let trailer = trailer(params, &keys, segments.len() as u64, plaintext.len() as u64, index_root);
    stream.extend(&header);
    stream.extend(index_entries.concat());
    stream.extend(page_hashes.concat());
    stream.extend(trailer);

    let seal = array(&trailer, 88);
    let fingerprint = fingerprint(&header, &trailer);
    let trace = Trace {
        keys,
        header,
        segments,
        index_entries,
        page_hashes,
        index_root,
        trailer,
        seal,
        fingerprint,
    };
    (stream, trace)
}

/// The first 48 bytes of the header, all of it that the keys depend on.
pub(super) fn core(params: &Params) -> [u8; 48] {
    let mut core = [0; 48];
    core[0..8].copy_from_slice(&HEADER_MAGIC);
    core[8..10].copy_from_slice(&VERSION.to_be_bytes());
    core[10] = params.suite;
    core[11] = params.digest;
    core[12] = params.frame_log2;
    core[13] = params.frames_log2;
    core[14..16].copy_from_slice(&u16::from(params.slotted).to_be_bytes());
    core[16..48].copy_from_slice(&params.stream_salt);
    core
}

pub(super) fn header(params: &Params, core: &[u8; 48], keys: &Keys) -> Vec<u8> {
    let mut header = core.to_vec();
    header.extend(keys.commitment);
    header.extend(params.header_len.to_be_bytes());
    header.extend([0; 4]);
    header.extend(params.revision.to_be_bytes());
    for (kind, body) in &params.sections {
        push_section(&mut header, *kind, body);
    }
    if let Some((json, salt)) = &params.metadata {
        let mut padded = json.clone();
        padded.resize(json.len().next_multiple_of(64), b' ');
        let (key, nonce) = keys.metadata(salt);
        let sealed = aead_seal(params.suite, &key, &nonce, &padded);
        push_section(&mut header, 2, &[&salt[..], &sealed].concat());
    }
    let mac_at = params.header_len as usize - 40;
    assert!(header.len() <= mac_at, "the header must be long enough for its sections");
    header.resize(mac_at, 0);
    header.extend(hmac_sha256(&keys.k_header, &header));
    header.extend(crc64(&header).to_be_bytes());
    header
}

pub(super) fn push_section(header: &mut Vec<u8>, kind: u16, body: &[u8]) {
    header.extend(kind.to_be_bytes());
    header.extend((body.len() as u32).to_be_bytes());
    header.extend(body);
}

pub(super) fn segment(
    params: &Params,
    keys: &Keys,
    index: u64,
    salt: [u8; 24],
    plaintext: &[u8],
) -> (Vec<u8>, SegmentTrace) {
    let header = segment_header(index, plaintext.len() as u32, &salt, &keys.commitment);
    let (key, base_nonce) = keys.segment(&array(&header, 0));
    let mut wire = header.to_vec();
    let mut digested = header[..56].to_vec();
    let mut frames = Vec::new();
    for (j, plaintext) in (0..).zip(plaintext.chunks(params.layout().frame_size() as usize)) {
        let nonce = frame_nonce(&base_nonce, j);
        let mut frame = frame_header(j, plaintext.len() as u32).to_vec();
        frame.extend(aead_seal(params.suite, &key, &nonce, plaintext));
        digested.extend(&frame);
        let crc = crc64(&frame);
        frame.extend(crc.to_be_bytes());
        wire.extend(frame);
        frames.push(FrameTrace { nonce, crc });
    }
    let digest = segment_digest(params.digest, &digested);
    wire.extend(&digest);
    let crc = crc64(&wire);
    wire.extend(crc.to_be_bytes());
    (wire, SegmentTrace { header, key, base_nonce, frames, digest, crc })
}

pub(super) fn trailer(
    params: &Params,
    keys: &Keys,
    n: u64,
    p: u64,
    index_root: [u8; 32],
) -> [u8; 128] {
    let mut trailer = [0; 128];
    trailer[0..8].copy_from_slice(&TRAILER_MAGIC);
    trailer[8..10].copy_from_slice(&VERSION.to_be_bytes());
    trailer[10] = params.digest;
    trailer[12..16].copy_from_slice(&params.header_len.to_be_bytes());
    trailer[16..24].copy_from_slice(&params.generation.to_be_bytes());
    trailer[24..32].copy_from_slice(&n.to_be_bytes());
    trailer[32..40].copy_from_slice(&p.to_be_bytes());
    trailer[40..72].copy_from_slice(&index_root);
    trailer[72..80].copy_from_slice(&params.revision.to_be_bytes());
    let seal = hmac_sha256(&keys.k_seal, &trailer[..88]);
    trailer[88..120].copy_from_slice(&seal);
    let crc = crc64(&trailer[..120]);
    trailer[120..128].copy_from_slice(&crc.to_be_bytes());
    trailer
}
