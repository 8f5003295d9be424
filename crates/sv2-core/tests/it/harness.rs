//! What all tests share: one key, repeatable salts, streams of the reference, and calls of the
//! engine that no hang survives.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use sv2_core::hazmat::FixedRandom;
use sv2_core::{
    DecryptOptions, DigestAlg, Driver, EncryptOptions, Geometry, RandomSource, RunOptions, Section,
    StreamKey, Suite,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Params, encrypt};

/// The stream key of all tests.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// The engine's value of [`KEY`].
pub(crate) fn key() -> StreamKey {
    StreamKey::from_bytes(KEY)
}

/// The salt of a segment in all streams but those of another attempt.
pub(crate) fn salt(index: u64) -> [u8; 24] {
    let mut salt = [0xA5; 24];
    salt[16..].copy_from_slice(&index.to_be_bytes());
    salt
}

/// The reference's stream of `len` painted bytes.
pub(crate) fn stream(params: &Params, len: usize) -> Vec<u8> {
    encrypt(&KEY, params, &mut salt, &paint(len))
}

/// Draws that give the salts of [`Params`] to the engine.
struct Salts {
    stream: [u8; 32],
    metadata: [u8; 24],
}

impl FixedRandom for Salts {
    fn fill(&self, out: &mut [u8]) {
        match out.len() {
            32 => out.copy_from_slice(&self.stream),
            24 => out.copy_from_slice(&self.metadata),
            other => panic!("F-1002 knows no draw of {other} bytes"),
        }
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        salt(index)
    }
}

/// The options by which the engine writes what the reference writes for `params`.
pub(crate) fn encrypt_options(params: &Params) -> EncryptOptions {
    assert_eq!((params.revision, params.generation), (0, 0), "a new stream");
    let metadata = params.metadata.clone();
    let salts = Salts {
        stream: params.stream_salt,
        metadata: metadata.as_ref().map_or([0; 24], |(_, salt)| *salt),
    };
    let section = |(kind, body): &(u16, Vec<u8>)| Section { kind: *kind, body: body.clone() };
    let mut options = EncryptOptions::standard();
    options.suite = Suite::from_id(params.suite).expect("a known suite");
    options.digest = DigestAlg::from_id(params.digest).expect("a known digest");
    options.geometry =
        Geometry::new(params.frame_log2, params.frames_log2).expect("a legal geometry");
    options.context = params.context.clone();
    options.slots = params.sections.iter().map(section).collect();
    options.metadata = metadata.map(|(json, _)| json);
    options.header_len = Some(params.header_len);
    options.random = RandomSource::Hazmat(Arc::new(salts));
    options
}

/// Options with a driver and a number of threads.
pub(crate) fn run(driver: Driver, threads: usize) -> RunOptions {
    RunOptions::automatic().driver(driver).threads(threads)
}

/// Options to read with a driver and a number of threads.
pub(crate) fn decrypt_options(driver: Driver, threads: usize) -> DecryptOptions {
    DecryptOptions::standard().run(run(driver, threads))
}

/// A folder with one file in it.
pub(crate) fn file_with(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("input");
    std::fs::write(&path, bytes).expect("a small file");
    (folder, path)
}

/// The names in a folder, sorted.
pub(crate) fn names_in(folder: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).expect("a readable folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Runs `body` on a thread of its own; one that has not ended after a minute hangs.
pub(crate) fn watched<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    let thread = std::thread::spawn(move || {
        // The receiver has gone only when the test has failed already.
        let _ = sender.send(body());
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Ok(value) => {
            thread.join().expect("a thread that sent its value");
            value
        }
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the call hangs"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(()) => panic!("the value was lost"),
        },
    }
}
