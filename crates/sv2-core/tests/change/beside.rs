//! Reading beside a change in place: the old stream, the new one, or that it changed; never that it
//! was forged or damaged.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sv2_core::{ChangeOptions, HeaderChange, HeaderContent, MetadataChange};
use sv2_core::{
    DecryptOptions, DecryptReader, DigestAlg, Driver, InputSource, KeySource, OutputSink, ReadAt,
    RunOptions, StreamError, StreamReader, append, decrypt_stream_v2, inspect, read_metadata,
    rewrap, scrub, verify,
};
use sv2_testkit::paint::paint;

use crate::disk::{Disk, Operation};
use crate::support::{
    SEGMENT, addition, append_to, inline, key, readdress, slot, stream, with_recipient,
};

const OLD: usize = 12 * SEGMENT + 100;

fn options() -> DecryptOptions {
    let mut options = DecryptOptions::standard();
    options.run = RunOptions::automatic().threads(1).driver(Driver::Inline);
    options
}

/// The stream after each write of a change, the first and the last state included.
fn states(disk: &Disk) -> Vec<Vec<u8>> {
    let mut states = vec![disk.begun_with().stream.clone()];
    for operation in disk.log() {
        let mut next = states.last().expect("one at least").clone();
        match operation {
            Operation::Write(sv2_core::ChangeFile::Stream, offset, bytes) => {
                let (start, end) = (offset as usize, offset as usize + bytes.len());
                next.resize(next.len().max(end), 0);
                next[start..end].copy_from_slice(&bytes);
            }
            Operation::Cut(len) => next.truncate(len as usize),
            _ => continue,
        }
        states.push(next);
    }
    assert_eq!(states.last(), Some(&disk.stream()));
    states
}

/// A source that goes from one state of a stream to the next with each read, from some read on.
#[derive(Clone)]
struct Beside {
    states: Arc<Vec<Vec<u8>>>,
    from: usize,
    /// Reads before the first step.
    still: usize,
    reads: Arc<AtomicUsize>,
}

impl Beside {
    fn now(&self) -> &[u8] {
        let steps = self.reads.load(Ordering::SeqCst).saturating_sub(self.still);
        &self.states[(self.from + steps).min(self.states.len() - 1)]
    }
}

impl ReadAt for Beside {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.now().read_at(buffer, offset);
        self.reads.fetch_add(1, Ordering::SeqCst);
        count
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.now().len() as u64)
    }
}

/// A verdict that is allowed beside a change.
fn judge<T>(what: &str, result: Result<T, StreamError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(StreamError::InputChanged { .. } | StreamError::StaleIndex) => None,
        Err(error) => panic!("{what}: {error:?}"),
    }
}

/// Reads in every way while the stream goes from state to state, beginning anywhere.
fn read_beside(states: Vec<Vec<u8>>, texts: &[Vec<u8>; 2]) -> (usize, usize) {
    let (key, options, states) = (key(), options(), Arc::new(states));
    let keys = KeySource::Key(&key);
    let (mut told, mut read) = (0, 0);
    let mut count = |text: Option<Vec<u8>>| match text {
        Some(text) => {
            assert!(texts.contains(&text), "a text of no version");
            read += 1;
        }
        None => told += 1,
    };
    // Where the change is not at its end when the call is, its record lies beside the stream and
    // tells of it; here is what happens where it is.
    for from in 0..states.len() - 1 {
        for still in 0..32 {
            let beside = || {
                let reads = Arc::new(AtomicUsize::new(0));
                Beside { states: Arc::clone(&states), from, still, reads }
            };
            let what = format!("from {from}, still for {still}");
            let whole = |source: &Beside| {
                // As of the last read.
                let reads = source.reads.load(Ordering::SeqCst).saturating_sub(1);
                let steps = reads.saturating_sub(source.still);
                from + steps == 0 || from + steps + 1 >= states.len()
            };
            let source = beside();
            let mut out = Vec::new();
            let input = InputSource::ReadAt(Box::new(source.clone()));
            let done = decrypt_stream_v2(input, OutputSink::Memory(&mut out), &key, &options);
            if whole(&source) {
                count(judge(&format!("decrypt {what}"), done).map(|_| out));
            }
            let source = beside();
            let found = verify(InputSource::ReadAt(Box::new(source.clone())), &keys, &options);
            if whole(&source)
                && let Some(map) = judge(&format!("verify {what}"), found)
            {
                assert!(map.is_undamaged(), "verify {what}: {:?}", map.damages);
            }
            let source = beside();
            let input = InputSource::ReadAt(Box::new(source.clone()));
            let mut text = Vec::new();
            let done = StreamReader::open(input, &keys, &options).and_then(|reader| {
                text.resize(reader.len() as usize, 0);
                reader.read_at(&mut text, 0)
            });
            if whole(&source) {
                count(judge(&format!("a reader {what}"), done).map(|_| text));
            }
        }
    }
    (told, read)
}

/// F-824: an append, write by write.
#[test]
fn a_reader_beside_an_append_sees_one_of_the_versions_or_is_told() {
    for digest in [DigestAlg::None, DigestAlg::Sha256] {
        let disk = Disk::new(&stream(OLD, digest));
        append_to(&disk, &addition(2 * SEGMENT)).expect("an append");
        let texts = [paint(OLD), [paint(OLD), addition(2 * SEGMENT)].concat()];
        let (told, read) = read_beside(states(&disk), &texts);
        assert!(told > 5 && read > 5, "{told} told, {read} read");
    }
}

/// The same of other recipients, which change the headers alone.
#[test]
fn a_reader_beside_a_change_of_recipients_sees_the_stream_or_is_told() {
    let disk = Disk::new(&stream(OLD, DigestAlg::None));
    readdress(&disk, &[1, 2]).expect("other recipients");
    let texts = [paint(OLD), paint(OLD)];
    let (_, read) = read_beside(states(&disk), &texts);
    assert!(read > 5, "{read} read");
}

/// What is changed while a file is read, by a real append from the middle of the reading.
#[test]
fn an_append_in_the_middle_of_a_decrypt_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for at in [0, 1] {
        let path = folder.path().join(format!("{at}.sv2"));
        std::fs::write(&path, stream(OLD, DigestAlg::None)).expect("a stream");
        let appended = Arc::new(Mutex::new(at));
        let (again, of) = (Arc::clone(&appended), path.clone());
        let mut options = options();
        options.run.observer = Some(Arc::new(move |progress| {
            let mut left = again.lock().expect("no panic holds it");
            if progress.failed.is_none() && *left == 0 {
                let input = InputSource::Memory(b"more");
                append(&of, input, &KeySource::Key(&key()), &ChangeOptions::standard())
                    .expect("nobody is kept from it");
            }
            *left -= 1;
        }));
        let mut out = Vec::new();
        let input = InputSource::Path(path.clone());
        let done = decrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &options);
        // The last segment, which was short, is another one by then.
        assert!(judge("decrypt", done).is_none());
        assert!(*appended.lock().expect("no panic holds it") < 0, "nothing was appended");
    }
}

/// Readers that were opened before a change, and every look afterwards.
#[test]
fn a_reader_that_was_opened_before_a_change_reads_on_or_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.sv2");
    std::fs::write(&path, stream(OLD, DigestAlg::None)).expect("a stream");
    let (key, options) = (key(), options());
    let keys = KeySource::Key(&key);
    let open = || InputSource::File(File::open(&path).expect("a stream"));
    let reader = StreamReader::open(open(), &keys, &options).expect("it opens");
    let mut piped = DecryptReader::new(File::open(&path).expect("a stream"), &keys, &options)
        .expect("it opens");
    append(&path, InputSource::Memory(&addition(5 * SEGMENT)), &keys, &inline()).expect("appended");
    let mut text = vec![0; OLD];
    let last = reader.read_at(&mut text, 0);
    assert!(matches!(last, Err(StreamError::StaleIndex)), "{last:?}");
    // From front to back it is the new stream.
    let mut whole = Vec::new();
    io::Read::read_to_end(&mut piped, &mut whole).expect("the new version");
    assert_eq!(whole.len(), OLD + 5 * SEGMENT);

    let reader = StreamReader::open(open(), &keys, &options).expect("it opens");
    let change = |_: HeaderContent<'_>| {
        let slots = vec![slot(1), slot(2)];
        Ok::<_, StreamError>(HeaderChange::new(slots, MetadataChange::Keep))
    };
    with_recipient(1, |keys| rewrap(&path, keys, change, &inline())).expect("rewrapped");
    let mut text = vec![0; OLD + 5 * SEGMENT];
    reader.read_at(&mut text, 0).expect("no segment changed");
    assert!(inspect(open()).expect("it decodes").front_intact);
    read_metadata(open(), &keys, b"").expect("it opens");
    assert!(scrub(open(), &options.run).expect("it decodes").is_undamaged());
}
