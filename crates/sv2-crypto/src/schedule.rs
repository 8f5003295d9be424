//! From the stream key to every other key (format.md section 4).

use alloc::boxed::Box;
use core::fmt;

use ring::hkdf;
use sv2_headers::{HEADER_CORE_LEN, Suite};
use zeroize::{Zeroize, Zeroizing};

use crate::aead::{self, NONCE_LEN, SegmentCipher, TAG_LEN};
use crate::digest::sha256;
use crate::mac::MacKey;
use crate::secret::{Secret, without_traces};
use crate::{Backend, CryptoError, StreamKey};

/// Bytes of a segment header that its key is derived from.
const SEGMENT_KEYED_LEN: usize = 56;

/// Everything that the stream key, the header's core and the context determine.
pub struct RootKeys {
    commitment: [u8; 32],
    prk: Secret<32>,
}

impl RootKeys {
    /// Derives commitment and `prk`.
    ///
    /// `context` is the caller's own data of any length; empty by default.
    #[must_use]
    pub fn derive(key: &StreamKey, core: &[u8; HEADER_CORE_LEN], context: &[u8]) -> Self {
        let mut root = Secret::<64>::zero();
        // F-403: the context enters through its hash, the empty one too.
        let info = [label!("root"), core, &sha256(&[context])];
        expand(key.expose(), &info, &mut root[..]);
        let mut keys = Self { commitment: [0; 32], prk: Secret::zero() };
        keys.commitment.copy_from_slice(&root[..32]);
        keys.prk.copy_from_slice(&root[32..]);
        keys
    }

    /// The commitment over key, parameters and context, as it stands in the header.
    #[must_use]
    pub fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// Whether a header's commitment is that of these keys, compared in constant time.
    #[must_use]
    pub fn commits_to(&self, commitment: &[u8; 32]) -> bool {
        self.header_key().same(&self.commitment, commitment)
    }

    /// `K_header`, which authenticates the header.
    #[must_use]
    pub fn header_key(&self) -> MacKey {
        self.mac_key(label!("header"))
    }

    /// `K_seal`, which authenticates the trailer.
    #[must_use]
    pub fn seal_key(&self) -> MacKey {
        self.mac_key(label!("seal"))
    }

    /// `K_journal`, which authenticates the journal of a resumable decrypt.
    #[must_use]
    pub fn journal_key(&self) -> MacKey {
        self.mac_key(label!("journal"))
    }

    /// `K_change`, which authenticates the record of a change in place.
    #[must_use]
    pub fn change_key(&self) -> MacKey {
        self.mac_key(label!("change"))
    }

    /// `K_segments`: enough to seal and open segments, not to forge header or seal.
    #[must_use]
    pub fn segments_key(&self) -> SegmentsKey {
        let mut key = SegmentsKey(Secret::zero());
        expand(&self.prk, &[label!("segments")], &mut key.0[..]);
        key
    }

    /// The cipher for metadata under this salt.
    ///
    /// # Errors
    /// `BackendMissing` never happens for a backend of [`Backend::available`].
    pub fn metadata_cipher(
        &self,
        suite: Suite,
        salt: &[u8; 24],
    ) -> Result<MetadataCipher, CryptoError> {
        let mut material = Box::new(Zeroizing::new([0; 32 + NONCE_LEN]));
        expand(&self.prk, &[label!("meta"), salt], &mut material[..]);
        Ok(MetadataCipher(cipher(suite, Backend::Ring, &material)?))
    }

    fn mac_key(&self, label: &[u8]) -> MacKey {
        let mut key = MacKey(Secret::zero());
        expand(&self.prk, &[label], &mut key.0[..]);
        key
    }
}

impl fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKeys(..)")
    }
}

/// `K_segments`; wiped when dropped.
pub struct SegmentsKey(Secret<32>);

impl SegmentsKey {
    /// Takes 32 bytes that [`SegmentsKey::expose`] gave, on another machine for example.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::take(bytes))
    }

    /// The key's bytes, for handing them to a machine that only works on segments.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// `K_parts`, which authenticates plans and receipts among machines that seal one stream by
    /// parts (format.md appendix A.5).
    #[must_use]
    pub fn parts_key(&self) -> MacKey {
        let mut key = MacKey(Secret::zero());
        expand(&self.0, &[label!("parts")], &mut key.0[..]);
        key
    }

    /// The cipher of the segment whose header begins with these 56 bytes.
    ///
    /// # Errors
    /// `BackendMissing` where the backend is not part of this build.
    pub fn segment_cipher(
        &self,
        keyed: &[u8; SEGMENT_KEYED_LEN],
        suite: Suite,
        backend: Backend,
    ) -> Result<SegmentCipher, CryptoError> {
        cipher(suite, backend, &self.segment_material(keyed))
    }

    /// The segment's AEAD key and base nonce, for conformance vectors and for handing a single
    /// segment's key to a machine that is trusted with no more.
    #[must_use]
    pub fn segment_material(
        &self,
        keyed: &[u8; SEGMENT_KEYED_LEN],
    ) -> Box<Zeroizing<[u8; 32 + NONCE_LEN]>> {
        let mut material = Box::new(Zeroizing::new([0; 32 + NONCE_LEN]));
        expand(&self.0, &[label!("segment"), keyed], &mut material[..]);
        material
    }
}

impl fmt::Debug for SegmentsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentsKey(..)")
    }
}

/// The cipher of one sealed metadata section; good for one message.
#[derive(Debug)]
pub struct MetadataCipher(SegmentCipher);

impl MetadataCipher {
    /// Seals `plaintext` in place and returns the tag.
    ///
    /// # Errors
    /// `TooLong`, which metadata that fits a header never causes; `plaintext` is then unspecified.
    pub fn seal(self, plaintext: &mut [u8]) -> Result<[u8; TAG_LEN], CryptoError> {
        self.0.seal(0, plaintext)
    }

    /// Opens `ciphertext` in place.
    ///
    /// # Errors
    /// `AuthenticationFailed`; `ciphertext` then holds no plaintext.
    pub fn open(self, ciphertext: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), CryptoError> {
        self.0.open(0, ciphertext, tag)
    }
}

fn cipher(
    suite: Suite,
    backend: Backend,
    material: &[u8; 32 + NONCE_LEN],
) -> Result<SegmentCipher, CryptoError> {
    let mut base_nonce = Zeroizing::new([0; NONCE_LEN]);
    base_nonce.copy_from_slice(&material[32..]);
    aead::SegmentCipher::new(suite, backend, &material[..32], base_nonce)
}

/// HKDF-Expand with SHA-256, of 32, 44 or 64 bytes.
fn expand(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) {
    let filled = without_traces(|| {
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk);
        prk.expand(info, OutLen(out.len())).and_then(|okm| okm.fill(out))
    });
    if filled.is_err() {
        // HKDF-SHA-256 gives up to 8160 bytes and `fill` is asked for what `expand` was told.
        out.zeroize();
        unreachable!("HKDF-Expand gives up to 8160 bytes");
    }
}

struct OutLen(usize);

impl hkdf::KeyType for OutLen {
    fn len(&self) -> usize {
        self.0
    }
}

/// `"stream_v2/1 " || s || 0x00`.
macro_rules! label {
    ($s:literal) => {
        concat!("stream_v2/1 ", $s, "\0").as_bytes()
    };
}
pub(crate) use label;
