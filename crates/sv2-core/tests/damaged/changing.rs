//! Verify decides on what it read, once, and says "no damage" only of what decrypts.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;

use sv2_core::{
    DecryptOptions, DigestAlg, InputSource, KeySource, OutputSink, ReadAt, StreamKey,
    decrypt_stream_v2, verify,
};
use sv2_testkit::mutate;
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::primitives::sha256;
use sv2_testkit::reference::{Limits, decrypt_seekable, scrub};
use sv2_testkit::vectors::requests::patched;
use sv2_testkit::vectors::{Body, FAMILIES};

use crate::support::{SEGMENT, frame_at, stream, with_key};

/// A source that is another one from some read on, and remembers what it gave.
#[derive(Clone)]
struct Changing(Arc<Mutex<State>>);

struct State {
    before: Vec<u8>,
    after: Vec<u8>,
    /// Reads until it changes.
    left: usize,
    reads: usize,
    /// What each byte was when it was read last, which is the read that decides.
    last: Vec<Option<u8>>,
}

impl Changing {
    fn new(before: &[u8], after: &[u8], left: usize) -> Self {
        assert_eq!(before.len(), after.len());
        Self(Arc::new(Mutex::new(State {
            before: before.to_vec(),
            after: after.to_vec(),
            left,
            reads: 0,
            last: vec![None; before.len()],
        })))
    }
}

impl ReadAt for Changing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.0.lock().expect("no panic holds it");
        let state = &mut *state;
        let bytes = if state.reads < state.left { &state.before } else { &state.after };
        state.reads += 1;
        let count = bytes.read_at(buffer, offset)?;
        for (at, byte) in (offset as usize..).zip(&buffer[..count]) {
            state.last[at] = Some(*byte);
        }
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().expect("no panic holds it").before.len() as u64)
    }
}

/// What decides: a sound verdict means that what was read decrypts whole and has no damage.
fn is_sound(bytes: &[u8]) -> bool {
    let key = [9; 32];
    decrypt_seekable(&key, &[], bytes, &Limits::FORMAT).result.is_ok()
        && scrub(bytes).is_ok_and(|damage| damage.is_empty())
}

/// What whoever owns the storage puts there without a key: zeros between the front and the tail of
/// an empty stream.
fn emptied(wire: &[u8]) -> Vec<u8> {
    let mut gone = wire.to_vec();
    let header_len = 1024;
    let (trailer, copy) = (wire.len() - 128, wire.len() - 128 - header_len);
    gone[header_len..copy].fill(0);
    gone[copy..trailer].copy_from_slice(&wire[..header_len]);
    gone[trailer + 24..trailer + 40].fill(0);
    gone[trailer + 40..trailer + 72].copy_from_slice(&sha256(b""));
    refresh_crc(&mut gone[trailer..]);
    gone
}

/// F-704, F-829: whatever the source becomes at whatever read.
#[test]
fn a_source_that_changes_at_any_read_is_sound_only_where_what_was_read_decrypts() {
    for digest in [DigestAlg::None, DigestAlg::Sha256] {
        let wire = stream(3 * SEGMENT + 100, digest);
        let frame = frame_at(digest, 1, 2);
        let mut forged = mutate::flip(&wire, frame + 40, 1);
        refresh_crc(&mut forged[frame..frame + 288]);
        let index = wire.len() - 128 - 32 - 4 * (32 + digest.len());
        let others = [
            emptied(&wire),
            forged,
            mutate::flip(&wire, frame + 40, 1),
            mutate::flip(&wire, index + 3, 1),
            mutate::flip(&wire, 500, 1),
            stream(3 * SEGMENT + 100, digest),
            vec![0; wire.len()],
        ];
        let mut sound = 0;
        for other in &others {
            for (before, after) in [(&wire, other), (other, &wire)] {
                for left in 0.. {
                    let source = Changing::new(before, after, left);
                    let found = with_key(|keys, options| {
                        let mut options = options.clone();
                        options.run.threads = std::num::NonZeroUsize::new(1);
                        let input = InputSource::ReadAt(Box::new(source.clone()));
                        verify(input, keys, &options).map(|map| map.is_undamaged())
                    });
                    let state = source.0.lock().expect("no panic holds it");
                    if let Ok(true) = found {
                        sound += 1;
                        let read: Option<Vec<u8>> = state.last.iter().copied().collect();
                        assert!(
                            is_sound(&read.expect("every byte was read")),
                            "after {left} reads"
                        );
                    }
                    if state.reads <= left {
                        break;
                    }
                }
            }
        }
        assert!(sound > 0, "a source that changed too late was sound");
    }
}

/// F-829: over every vector, flip, cut and patch, verify and a whole decrypt agree.
#[test]
fn verify_finds_no_damage_only_where_a_whole_decrypt_succeeds() {
    let (mut read, mut sound) = (0, 0);
    let mut judge = |stream: &[u8], key: &[u8; 32], context: &[u8], what: &str| {
        let stream_key = StreamKey::from_bytes(*key);
        let mut options = DecryptOptions::standard();
        options.context = context.to_vec();
        options.run.threads = std::num::NonZeroUsize::new(1);
        let keys = KeySource::Key(&stream_key);
        let found = verify(InputSource::Memory(stream), &keys, &options);
        let mut out = Vec::new();
        let output = OutputSink::Memory(&mut out);
        let opened = decrypt_stream_v2(InputSource::Memory(stream), output, &stream_key, &options);
        let undamaged = found.as_ref().is_ok_and(|map| map.is_undamaged());
        if undamaged {
            assert!(opened.is_ok(), "{what}: {opened:?}");
            let damage = scrub(stream).unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert!(damage.is_empty(), "{what}: {damage:?}");
        }
        if let Err(error) = &opened
            && let Err(same) = &found
        {
            assert_eq!(error.kind(), same.kind(), "{what}");
        }
        (read, sound) = (read + 1, sound + usize::from(undamaged));
    };
    for (family, make) in FAMILIES {
        if ["large", "sparse", "layouts", "openers"].contains(&family) {
            continue;
        }
        for vector in make() {
            match &vector.body {
                Body::Stream(case) => judge(&case.stream, &case.key, &case.context, &vector.name),
                Body::Table(table) => {
                    let (case, stream) = (&table.base, &table.base.stream);
                    for row in &table.patches {
                        let changed = patched(stream, &row.patches);
                        judge(&changed, &case.key, &case.context, &row.name);
                    }
                    for at in (0..stream.len()).step_by(11) {
                        for changed in [mutate::flip(stream, at, 0x40), stream[..at].to_vec()] {
                            let what = format!("{} at {at}", vector.name);
                            judge(&changed, &case.key, &case.context, &what);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    assert!(sound > 20 && read > 2000, "{sound} of {read}");
}
