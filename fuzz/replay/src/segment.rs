//! One segment against the known key: what opens was sealed, and nothing else opens.

use crate::{KEY, Verdict, split};
use bytes::Bytes;
use sv2_crypto::{Backend, RandomSource, RootKeys, StreamKey};
use sv2_framing::{SEGMENT_HEADER_LEN, SegmentIndex};
use sv2_headers::{Geometry, IndexEntry, StreamHeader, checksum};
use sv2_segment_worker::{DecryptSegmentWorker, SegmentCryptoContext, SegmentWire};
use sv2_testkit::paint;
use sv2_testkit::reference::Params;

/// Opens a segment as a reader of a pipe does, and under a sealed salt as a seekable one does.
///
/// The selector's low bit is the suite, the next two are the digest's id, then: whether the
/// segment header's checksum is made right first, and two bits for the segment's number.
///
/// # Panics
///
/// Where plaintext is released that was not sealed, or where the two ways disagree.
pub fn segment_decrypt(data: &[u8]) -> Verdict {
    let Some((selector, wire)) = split(data) else { return Verdict::Refused };
    let Some(context) = context(selector) else { return Verdict::Refused };
    let mut wire = wire.to_vec();
    if selector & 8 != 0 && wire.len() >= SEGMENT_HEADER_LEN {
        checksum::store(&mut wire[..SEGMENT_HEADER_LEN]);
    }
    let index = SegmentIndex(u64::from(selector >> 4 & 3));
    let worker = DecryptSegmentWorker::new(context);
    let result = worker.decrypt(SegmentWire { index, wire: wire.clone().into(), sealed: None });
    let Ok(segment) = &result else { return Verdict::of(&result) };

    let first = index.0 * worker.context().geometry().segment_size();
    let plaintext = segment.frames().collect::<Vec<_>>().concat();
    assert_eq!(paint::first_unpainted(first, &plaintext), None);
    assert_eq!(plaintext.len(), segment.plaintext_len() as usize);

    let entry = IndexEntry { salt: segment.salt, digest: segment.digest, crc: 0 };
    let open = |entry: IndexEntry| {
        let wire = Bytes::from(wire.clone());
        worker.decrypt(SegmentWire { index, wire, sealed: Some(entry) })
    };
    let again = open(entry).expect("the salt in the index is the one in the segment header");
    assert_eq!(again.into_plaintext(), plaintext);
    let mut other = entry;
    other.salt[0] ^= 1;
    assert!(open(other).is_err(), "another salt is another key");
    Verdict::Accepted
}

/// Parameters of the streams that segments are cut from: 256-byte frames, four to a segment.
pub(crate) fn params(selector: u8) -> Option<Params> {
    let digest = selector >> 1 & 3;
    (digest < 3).then(|| Params::tiny(1 + (selector & 1), digest, 2))
}

fn context(selector: u8) -> Option<std::sync::Arc<SegmentCryptoContext>> {
    let params = params(selector)?;
    let mut header = StreamHeader {
        suite: sv2_headers::Suite::from_id(params.suite).ok()?,
        digest: sv2_headers::DigestAlg::from_id(params.digest).ok()?,
        geometry: Geometry::new(params.frame_log2, params.frames_log2).ok()?,
        slotted: params.slotted,
        stream_salt: params.stream_salt,
        commitment: [0; 32],
        header_len: params.header_len,
        revision: params.revision,
        sections: Vec::new(),
        mac: [0; 32],
    };
    let keys = RootKeys::derive(&StreamKey::from_bytes(KEY), &header.core(), &[]);
    header.commitment = *keys.commitment();
    let key = keys.segments_key();
    Some(SegmentCryptoContext::new(&header, key, Backend::Ring, RandomSource::System))
}
