//! A folder with a source and what an interrupted call left, and judgement by the reference.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use sv2_core::hazmat::FixedRandom;
use sv2_core::{
    CheckpointError, CheckpointFile, DecryptOptions, DigestAlg, EncryptOptions, ErrorKind,
    Existing, Geometry, InputSource, KeySource, OutputSink, RandomSource, ResumableOutput,
    RunOptions, StreamError, StreamKey, StreamReport, decrypt_resumable, encrypt_resumable,
    encrypt_stream_v2, resume_encrypt,
};
use sv2_testkit::reference::{Limits, decrypt_pipe, decrypt_seekable, scrub};
use tempfile::TempDir;

pub(crate) const KEY: [u8; 32] = [9; 32];
/// Plaintext bytes of a segment of two frames of 256 bytes.
pub(crate) const SEGMENT: usize = 512;
pub(crate) const HEADER_LEN: usize = 256;
pub(crate) const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

pub(crate) fn key() -> StreamKey {
    StreamKey::from_bytes(KEY)
}

/// Draws that tell one attempt at a stream from another.
struct Attempt(u8);

impl FixedRandom for Attempt {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0x40);
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        let mut salt = [self.0; 24];
        salt[16..].copy_from_slice(&index.to_be_bytes());
        salt
    }
}

/// Options of the streams of these tests, whose salts are those of an attempt.
pub(crate) fn options(digest: DigestAlg, attempt: u8) -> EncryptOptions {
    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(8, 1).expect("a legal geometry");
    options.digest = digest;
    options.header_len = Some(HEADER_LEN as u32);
    options.random = RandomSource::Hazmat(Arc::new(Attempt(attempt)));
    options
}

/// A whole stream as an attempt writes it.
pub(crate) fn stream(plaintext: &[u8], options: &EncryptOptions) -> Vec<u8> {
    let mut wire = Vec::new();
    let output = OutputSink::Memory(&mut wire);
    encrypt_stream_v2(InputSource::Memory(plaintext), output, &key(), options).expect("a stream");
    wire
}

/// Wire bytes of a full segment.
pub(crate) fn segment_wire(digest: DigestAlg) -> usize {
    64 + SEGMENT + 2 * 32 + 8 + digest.len()
}

/// The bytes of a stream that segment `index` takes, the last one of the plaintext included.
pub(crate) fn place(
    wire: &[u8],
    index: usize,
    digest: DigestAlg,
    len: usize,
) -> std::ops::Range<usize> {
    let start = HEADER_LEN + index * segment_wire(digest);
    let plaintext = (len - index * SEGMENT).min(SEGMENT);
    let end = start + 72 + digest.len() + plaintext + 32 * plaintext.div_ceil(256);
    assert!(end <= wire.len());
    start..end
}

/// A folder in which `out` is the output.
pub(crate) struct Folder {
    folder: TempDir,
    /// Where marks are kept.
    state: TempDir,
    pub(crate) output: ResumableOutput,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut output = ResumableOutput::new(folder.path().join("out"), Existing::Refuse);
        output.checkpoint_distance = 1;
        let state = tempfile::tempdir().expect("a temporary folder");
        output.state = Some(state.path().to_owned());
        Self { folder, state, output }
    }

    /// Leaves the mark of an earlier encrypt of this output, as local-files.md section 5 has it.
    pub(crate) fn mark(&self, header: &[u8]) {
        let folder = self.state.path().join("resume");
        fs::create_dir_all(&folder).expect("a folder of ours");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
        let output = self.folder.path().canonicalize().expect("a folder").join("out");
        let user = rustix::process::geteuid().as_raw();
        let (name, mark) = sv2_testkit::mark::encrypt_mark(&output, user, header);
        fs::write(folder.join(name), mark).expect("a small file");
    }

    /// The marks that are there.
    pub(crate) fn marks(&self) -> usize {
        fs::read_dir(self.state.path().join("resume")).map_or(0, Iterator::count)
    }

    /// A folder in which an interrupted call left these bytes of its output.
    pub(crate) fn with_unfinished(bytes: &[u8]) -> Self {
        let folder = Self::new();
        folder.put(CheckpointFile::Output, bytes);
        folder.mark(bytes);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there as an interrupted call leaves it.
    pub(crate) fn put(&self, file: CheckpointFile, bytes: &[u8]) {
        let file = File::create(self.output.file(file)).expect("a new file");
        file.set_permissions(fs::Permissions::from_mode(0o600)).expect("a file of ours");
        file.write_all_at(bytes, 0).expect("a small file");
    }

    pub(crate) fn file(&self, file: CheckpointFile) -> Vec<u8> {
        fs::read(self.output.file(file)).expect("a file that an interrupted call left")
    }

    pub(crate) fn result(&self) -> Vec<u8> {
        fs::read(&self.output.path).expect("a finished output")
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a readable folder");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    pub(crate) fn encrypt(
        &self,
        plaintext: &[u8],
        options: &EncryptOptions,
    ) -> Result<StreamReport, StreamError> {
        encrypt_resumable(InputSource::Memory(plaintext), &self.output, &key(), options)
    }

    pub(crate) fn resume(
        &self,
        plaintext: &[u8],
        options: &EncryptOptions,
    ) -> Result<StreamReport, StreamError> {
        let (key, slots) = (key(), options.slots.clone());
        let slots = |_: &StreamKey| Ok::<_, StreamError>(slots);
        let input = InputSource::Memory(plaintext);
        resume_encrypt(input, &self.output, &KeySource::Key(&key), slots, options)
    }

    pub(crate) fn decrypt(&self, wire: &[u8]) -> Result<StreamReport, StreamError> {
        self.decrypt_with(wire, RunOptions::automatic())
    }

    pub(crate) fn decrypt_with(
        &self,
        wire: &[u8],
        run: RunOptions,
    ) -> Result<StreamReport, StreamError> {
        let key = key();
        let options = DecryptOptions::standard().run(run);
        decrypt_resumable(InputSource::Memory(wire), &self.output, &KeySource::Key(&key), &options)
    }
}

/// A run of two workers that is cancelled when so many plaintext bytes are done, and at least two
/// more segments are not.
pub(crate) fn cancelled_at(bytes: u64) -> RunOptions {
    let mut run = RunOptions::automatic();
    run.threads = std::num::NonZeroUsize::new(2);
    let cancel = run.cancel.clone();
    run.observer = Some(Arc::new(move |progress: sv2_core::Progress| {
        if progress.done >= bytes {
            cancel.cancel();
        }
    }));
    run
}

/// Why a call did not go on from what it found, which a program ends with its own exit code for.
#[track_caller]
pub(crate) fn refusal(result: Result<StreamReport, StreamError>) -> CheckpointError {
    match result.expect_err("what was left does not match") {
        error @ StreamError::Checkpoint(_) => {
            assert_eq!(error.kind(), ErrorKind::Checkpoint, "{error}");
            let StreamError::Checkpoint(error) = error else { unreachable!("it was one") };
            error
        }
        error => panic!("{error}"),
    }
}

/// Whether the reference opens a stream to this plaintext in both modes and finds no damage.
pub(crate) fn holds(wire: &[u8], plaintext: &[u8]) -> bool {
    let seekable = decrypt_seekable(&KEY, &[], wire, &Limits::FORMAT);
    let pipe = decrypt_pipe(&KEY, &[], wire, &Limits::FORMAT);
    seekable.result.is_ok()
        && pipe.result.is_ok()
        && seekable.released == plaintext
        && pipe.released == plaintext
        && scrub(wire).is_ok_and(|damage| damage.is_empty())
}
