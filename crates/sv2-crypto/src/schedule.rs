//! From the stream key to every other key (format.md section 4).

use alloc::boxed::Box;
use core::fmt;

use ring::hkdf;
use sv2_headers::{HEADER_CORE_LEN, Suite};
use zeroize::{Zeroize, Zeroizing};

use crate::aead::{self, NONCE_LEN, SegmentCipher, SegmentOpener, SegmentSealer, TAG_LEN};
use crate::digest::sha256;
use crate::mac::MacKey;
use crate::secret::{Secret, without_traces};
use crate::{Backend, CryptoError, RandomSource, StreamKey};

/// Bytes of a segment header that its key is derived from.
const SEGMENT_KEYED_LEN: usize = 56;
/// Where the salt stands in them.
const SEGMENT_SALT: core::ops::Range<usize> = 24..48;
/// Bytes of the salt of metadata.
const SALT_LEN: usize = 24;

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
        without_traces(|| {
            let mut key = MacKey(Secret::zero());
            expand_within(&self.prk, &[label!("header")], &mut key.0[..]);
            key.same(&self.commitment, commitment)
        })
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

    /// Seals metadata in place, under a salt that is drawn here (F-330); returns salt and tag.
    ///
    /// # Errors
    /// `RandomSource` without random bytes; `plaintext` is then as it was.
    /// `TooLong`, which metadata that fits a header never causes; `plaintext` is then unspecified.
    pub fn seal_metadata(
        &self,
        suite: Suite,
        random: &RandomSource,
        plaintext: &mut [u8],
    ) -> Result<([u8; SALT_LEN], [u8; TAG_LEN]), CryptoError> {
        let mut salt = [0; SALT_LEN];
        random.fill(&mut salt)?;
        let tag = self.metadata_cipher(suite, &salt)?.seal(0, plaintext)?;
        Ok((salt, tag))
    }

    /// Opens the ciphertext of metadata in place.
    ///
    /// # Errors
    /// `AuthenticationFailed`; `ciphertext` then holds no plaintext.
    pub fn open_metadata(
        &self,
        suite: Suite,
        salt: &[u8; SALT_LEN],
        ciphertext: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        self.metadata_cipher(suite, salt)?.open(0, ciphertext, tag)
    }

    fn metadata_cipher(
        &self,
        suite: Suite,
        salt: &[u8; SALT_LEN],
    ) -> Result<SegmentCipher, CryptoError> {
        without_traces(|| {
            let mut material = Box::new(Zeroizing::new([0; 32 + NONCE_LEN]));
            expand_within(&self.prk, &[label!("meta"), salt], &mut material[..]);
            cipher(suite, Backend::Ring, &material)
        })
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

    /// Takes 32 bytes that [`SegmentsKey::expose`] gave without a copy that a move leaves behind;
    /// nothing for another number of bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Secret::zero());
        if bytes.len() != key.0.len() {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The key's bytes, for handing them to a machine that only works on segments.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// `K_parts`, which authenticates plans and receipts among machines that seal one stream by
    /// parts (format.md appendix A).
    #[must_use]
    pub fn parts_key(&self) -> MacKey {
        let mut key = MacKey(Secret::zero());
        expand(&self.0, &[label!("parts")], &mut key.0[..]);
        key
    }

    /// What opens the segment whose header begins with these 56 bytes.
    ///
    /// # Errors
    /// `BackendMissing` where the backend is not part of this build.
    pub fn segment_opener(
        &self,
        keyed: &[u8; SEGMENT_KEYED_LEN],
        suite: Suite,
        backend: Backend,
    ) -> Result<SegmentOpener, CryptoError> {
        self.segment_cipher(keyed, suite, backend).map(SegmentOpener)
    }

    /// Begins one attempt at segment `index`: draws its salt, puts that into its place in these
    /// first 56 bytes of the segment's header, whatever stood there, and gives what seals the
    /// segment's frames under it (F-506, F-507, F-511).
    ///
    /// # Errors
    /// `RandomSource` without random bytes, `BackendMissing` where the backend is not part of this
    /// build; the bytes are then unspecified.
    pub fn begin_segment(
        &self,
        index: u64,
        keyed: &mut [u8; SEGMENT_KEYED_LEN],
        random: &RandomSource,
        suite: Suite,
        backend: Backend,
    ) -> Result<SegmentSealer, CryptoError> {
        keyed[SEGMENT_SALT].copy_from_slice(&random.segment_salt(index)?);
        self.sealer(keyed, suite, backend)
    }

    /// A sealer under the salt in these bytes.
    pub(crate) fn sealer(
        &self,
        keyed: &[u8; SEGMENT_KEYED_LEN],
        suite: Suite,
        backend: Backend,
    ) -> Result<SegmentSealer, CryptoError> {
        self.segment_cipher(keyed, suite, backend).map(SegmentSealer::new)
    }

    pub(crate) fn segment_cipher(
        &self,
        keyed: &[u8; SEGMENT_KEYED_LEN],
        suite: Suite,
        backend: Backend,
    ) -> Result<SegmentCipher, CryptoError> {
        without_traces(|| cipher(suite, backend, &self.segment_material(keyed)))
    }

    /// The segment's AEAD key and base nonce.
    pub(crate) fn segment_material(
        &self,
        keyed: &[u8; SEGMENT_KEYED_LEN],
    ) -> Box<Zeroizing<[u8; 32 + NONCE_LEN]>> {
        let mut material = Box::new(Zeroizing::new([0; 32 + NONCE_LEN]));
        expand_within(&self.0, &[label!("segment"), keyed], &mut material[..]);
        material
    }
}

impl fmt::Debug for SegmentsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentsKey(..)")
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

/// As [`expand_within`], with nothing left on the stack.
fn expand(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) {
    without_traces(|| expand_within(prk, info, out));
}

/// HKDF-Expand with SHA-256, of 32, 44 or 64 bytes, for whoever overwrites the stack afterwards.
fn expand_within(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) {
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk);
    let filled = prk.expand(info, OutLen(out.len())).and_then(|okm| okm.fill(out));
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
