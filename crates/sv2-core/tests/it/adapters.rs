//! Streams behind `Write` and `Read`: they heed the options of a run, keep the kinds of errors, and
//! hold no more than they must.

use std::io::{self, ErrorKind as IoKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sv2_core::{
    Cancellation, DecryptOptions, DecryptReader, EncryptOptions, EncryptWriter, ErrorKind,
    Geometry, InputSource, KeySource, OutputSink, Progress, RunOptions, Section, StreamError,
    StreamKey, StreamReader, decrypt_stream_v2, decrypt_stream_with, encrypt_for,
    encrypt_stream_v2,
};
use sv2_testkit::paint::paint;

use crate::harness::key;

/// Segments of 512 bytes.
fn options(run: RunOptions) -> EncryptOptions {
    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(8, 1).expect("legal sizes");
    options.run = run;
    options
}

fn reading(run: RunOptions) -> DecryptOptions {
    DecryptOptions::standard().run(run)
}

fn sealed(len: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    let options = options(RunOptions::automatic());
    let (input, output) = (paint(len), OutputSink::Memory(&mut stream));
    encrypt_stream_v2(InputSource::Memory(&input), output, &key(), &options).expect("a stream");
    stream
}

fn stream_error(error: &io::Error) -> &StreamError {
    error.get_ref().and_then(|inner| inner.downcast_ref()).expect("a StreamError inside")
}

#[test]
fn a_cancelled_writer_seals_nothing() {
    let cancel = Cancellation::new();
    let options = options(RunOptions::automatic().cancel(&cancel));
    let mut stream = Vec::new();
    let mut writer = EncryptWriter::new(&mut stream, &key(), &options).expect("a header");
    writer.write_all(&paint(1500)).expect("two segments and more");
    cancel.cancel();
    let error = writer.write_all(&paint(1500)).expect_err("cancelled");
    assert!(matches!(stream_error(&error), StreamError::Cancelled { segment: 2 }));
    assert!(matches!(writer.finish(), Err(StreamError::Usage(_))));
    let read = decrypt_stream_v2(
        InputSource::Memory(&stream),
        OutputSink::Memory(&mut Vec::new()),
        &key(),
        &DecryptOptions::standard(),
    );
    assert_eq!(read.expect_err("no seal").kind(), ErrorKind::Unsealed);

    let late = Cancellation::new();
    let options = self::options(RunOptions::automatic().cancel(&late));
    let mut writer = EncryptWriter::new(io::sink(), &key(), &options).expect("a header");
    writer.write_all(&paint(10)).expect("a short segment");
    late.cancel();
    assert!(matches!(writer.finish(), Err(StreamError::Cancelled { segment: 0 })));
    let begun = EncryptWriter::new(io::sink(), &key(), &options).map(drop);
    assert!(matches!(begun, Err(StreamError::Cancelled { .. })));
}

#[test]
fn a_cancelled_reader_hands_out_no_more_segments() {
    let stream = sealed(3000);
    let cancel = Cancellation::new();
    let options = reading(RunOptions::automatic().cancel(&cancel));
    let key = key();
    let keys = KeySource::Key(&key);
    let mut reader = DecryptReader::new(&stream[..], &keys, &options).expect("a header");
    reader.read_exact(&mut [0; 600]).expect("two segments");
    let ranges = StreamReader::open(InputSource::Memory(&stream), &keys, &options).expect("opens");
    cancel.cancel();
    let error = reader.read_to_end(&mut Vec::new()).expect_err("cancelled");
    assert!(matches!(stream_error(&error), StreamError::Cancelled { segment: 2 }));
    let error = ranges.read_at(&mut [0; 10], 1024).expect_err("cancelled");
    assert_eq!(error.segment(), Some(2));
}

/// What an observer was told.
fn heard(run: impl FnOnce(RunOptions)) -> Vec<Progress> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let words = told.clone();
    run(RunOptions::automatic()
        .observer(move |progress| words.lock().expect("unpoisoned").push(progress)));
    let told = told.lock().expect("unpoisoned");
    told.clone()
}

/// Segment, times and thread of every segment, whoever seals or opens it.
#[test]
fn each_segment_is_told_with_its_number_its_times_and_its_thread() {
    let stream = sealed(1500);
    let key = key();
    let keys = KeySource::Key(&key);
    let written = heard(|run| {
        let mut writer = EncryptWriter::new(io::sink(), &key, &options(run)).expect("a header");
        writer.write_all(&paint(1500)).expect("written");
        let (_, report) = writer.finish().expect("sealed");
        assert!(report.stages.cipher > Duration::ZERO);
    });
    let read = heard(|run| {
        let mut reader = DecryptReader::new(&stream[..], &keys, &reading(run)).expect("a header");
        reader.read_to_end(&mut Vec::new()).expect("opens");
    });
    let piped = heard(|run| {
        let input = InputSource::Reader(Box::new(io::Cursor::new(paint(1500))));
        let output = OutputSink::Writer(Box::new(io::sink()));
        encrypt_stream_v2(input, output, &key, &options(run.threads(1))).expect("sealed");
    });
    for told in [&written, &read, &piped] {
        let segments: Vec<_> = told.iter().map(|word| (word.segment, word.done)).collect();
        assert_eq!(segments, [(Some(0), 512), (Some(1), 1024), (Some(2), 1500)]);
        assert!(told.iter().all(|word| word.stages.cipher > Duration::ZERO));
        assert!(told.iter().all(|word| word.thread == std::thread::current().id()));
        assert!(told.iter().all(|word| word.failed.is_none()));
    }
    let ranges = heard(|run| {
        let input = InputSource::Memory(&stream);
        let reader = StreamReader::open(input, &keys, &reading(run)).expect("opens");
        reader.read_at(&mut [0; 10], 1030).expect("a range");
    });
    assert_eq!(ranges.iter().map(|word| word.segment).collect::<Vec<_>>(), [Some(2)]);
}

/// A writer or reader that fails in a way of its own.
struct Failing(IoKind);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The header of 1,024 bytes goes through.
        if bytes.len() == 1024 { Ok(1024) } else { Err(self.0.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn errors_keep_their_kind_through_the_adapters() {
    let stream = sealed(3000);
    let key = key();
    let keys = KeySource::Key(&key);
    let read = |stream: &[u8]| {
        let reader = DecryptReader::new(stream, &keys, &DecryptOptions::standard());
        reader.expect("a header").read_to_end(&mut Vec::new()).map_err(|error| error.kind())
    };
    assert_eq!(read(&stream), Ok(3000));
    assert_eq!(read(&stream[..2000]), Err(IoKind::UnexpectedEof), "cut off");
    let mut damaged = stream.clone();
    damaged[1100] ^= 1;
    assert_eq!(read(&damaged), Err(IoKind::InvalidData));
    for kind in [IoKind::BrokenPipe, IoKind::StorageFull, IoKind::WouldBlock] {
        let options = options(RunOptions::automatic());
        let mut writer = EncryptWriter::new(Failing(kind), &key, &options).expect("a header");
        assert_eq!(writer.write_all(&paint(2000)).expect_err("it fails").kind(), kind);
    }
    let error = StreamError::Write { offset: 7, source: IoKind::BrokenPipe.into() };
    assert_eq!(
        (error.offset(), error.io().map(io::Error::kind)),
        (Some(7), Some(IoKind::BrokenPipe))
    );
    // `write_all` and `read_to_end` would try for ever what says that it was interrupted.
    let error = StreamError::Write { offset: 7, source: IoKind::Interrupted.into() };
    assert_eq!(io::Error::from(error).kind(), IoKind::Other);
}

/// A slot that holds its key as it is: for tests, and for nothing else.
fn bare(key: &StreamKey) -> Section {
    Section::private_slot(0x8123, key.expose()).expect("a private kind")
}

/// F-317: a key that the call draws is of one stream alone, and only the slots have it.
#[test]
fn a_stream_for_somebody_has_a_key_of_its_own_in_its_slots() {
    let opened = |stream: &[u8]| {
        let open = |sections: &[Section], fits: &mut dyn FnMut(&StreamKey) -> bool| {
            let (kind, bytes) = sections[0].as_slot().expect("a slot");
            assert_eq!(kind, 0x8123);
            let key = StreamKey::from_slice(bytes).expect("32 bytes");
            if fits(&key) { Ok(key) } else { Err("another stream's".into()) }
        };
        let (mut out, keys) = (Vec::new(), KeySource::Slots(&open));
        let output = OutputSink::Memory(&mut out);
        let options = DecryptOptions::standard();
        decrypt_stream_with(InputSource::Memory(stream), output, &keys, &options).expect("opens");
        out
    };
    let mut keys = Vec::new();
    let mut slots = |key: &StreamKey| {
        keys.push(*key.expose());
        Ok::<_, StreamError>(vec![bare(key)])
    };
    let options = options(RunOptions::automatic());
    let plaintext = paint(1000);
    let mut first = Vec::new();
    let output = OutputSink::Memory(&mut first);
    encrypt_for(InputSource::Memory(&plaintext), output, &mut slots, &options).expect("sealed");
    let mut writer = EncryptWriter::create_for(Vec::new(), &mut slots, &options).expect("begun");
    writer.write_all(&plaintext).expect("written");
    let (second, _) = writer.finish().expect("sealed");
    assert!(opened(&first) == plaintext && opened(&second) == plaintext);
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn what_is_no_key_slot_is_refused_as_one() {
    let seal = |slots: Vec<Section>| {
        let (mut out, input) = (Vec::new(), InputSource::Memory(b"x"));
        let output = OutputSink::Memory(&mut out);
        let slots = |_: &StreamKey| Ok::<_, StreamError>(slots);
        encrypt_for(input, output, slots, &options(RunOptions::automatic())).map(drop)
    };
    for slots in [
        vec![],
        vec![Section { kind: 2, body: vec![1; 60] }],
        vec![bare(&key()), Section { kind: 0x9000, body: vec![1; 60] }],
    ] {
        assert!(matches!(seal(slots), Err(StreamError::Usage(_))));
    }
    assert!(seal(vec![bare(&key())]).is_ok());
    assert_eq!(Section::private_slot(0x7fff, b"x"), None);
    let mut given = options(RunOptions::automatic());
    given.slots = vec![bare(&key())];
    let slots = |key: &StreamKey| Ok::<_, StreamError>(vec![bare(key)]);
    let begun = EncryptWriter::create_for(io::sink(), slots, &given).map(drop);
    assert!(matches!(begun, Err(StreamError::Usage(_))), "slots of another key");
}
