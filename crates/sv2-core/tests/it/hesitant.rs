//! A reader whose input is not there yet goes on where it was.

use std::io::{self, ErrorKind as IoKind, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_core::{
    DecryptOptions, DecryptReader, DigestAlg, EncryptOptions, ErrorKind, Geometry, InputSource,
    KeySource, OutputSink, StreamError, encrypt_stream_v2,
};
use sv2_testkit::faulty::{Fault, Faulty, Operation};
use sv2_testkit::paint::paint;

use crate::harness::key;

const HEADER_LEN: usize = 256;

/// Gives one byte a call, and before each byte says once for each of `refusals` that it does not.
struct Hesitant<'a> {
    bytes: &'a [u8],
    refusals: &'a [IoKind],
    refused: usize,
}

impl Read for Hesitant<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(&kind) = self.refusals.get(self.refused) {
            self.refused += 1;
            return Err(kind.into());
        }
        let count = self.bytes.len().min(1);
        out[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        self.refused = 0;
        Ok(count)
    }
}

fn stream(plaintext: &[u8], digest: DigestAlg) -> Vec<u8> {
    let options = EncryptOptions::standard().digest(digest).header_len(HEADER_LEN as u32);
    let options = options.geometry(Geometry::new(8, 1).expect("legal sizes"));
    let mut wire = Vec::new();
    let (input, output) = (InputSource::Memory(plaintext), OutputSink::Memory(&mut wire));
    encrypt_stream_v2(input, output, &key(), &options).expect("a stream");
    wire
}

/// What a reader gives, how often it had to wait, and how it ended.
fn read_through(wire: &[u8], refusals: &[IoKind]) -> (Vec<u8>, usize, io::Result<bool>) {
    let (header, rest) = wire.split_at(HEADER_LEN);
    let reader = header.chain(Hesitant { bytes: rest, refusals, refused: 0 });
    let key = key();
    let options = DecryptOptions::standard();
    let reader = DecryptReader::new(reader, &KeySource::Key(&key), &options);
    let mut reader = reader.expect("the header is there");
    let (mut plaintext, mut waits) = (Vec::new(), 0);
    let mut buffer = [0; 300];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return (plaintext, waits, Ok(reader.is_sealed())),
            Ok(count) => plaintext.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), IoKind::WouldBlock | IoKind::TimedOut) => {
                waits += 1;
            }
            Err(error) => return (plaintext, waits, Err(error)),
        }
    }
}

#[test]
fn an_input_that_hesitates_at_every_byte_loses_none() {
    let refusals = [IoKind::WouldBlock, IoKind::Interrupted, IoKind::TimedOut];
    for (len, digest) in [
        (0, DigestAlg::None),
        (1, DigestAlg::None),
        (512, DigestAlg::Sha256),
        (1500, DigestAlg::None),
        (5000, DigestAlg::Blake3),
    ] {
        let plaintext = paint(len);
        let wire = stream(&plaintext, digest);
        let (found, waits, sealed) = read_through(&wire, &refusals);
        assert_eq!(found, plaintext, "{len}");
        assert!(sealed.expect("a sound stream"), "{len}");
        // Each byte behind the header, and the end, made the reader wait twice and no oftener.
        assert_eq!(waits, 2 * (wire.len() - HEADER_LEN + 1), "{len}");
    }
}

/// Gives one byte a call, and in between says that there is none; it marks every byte that it is
/// shown room for, and counts the bytes that it finds without its mark.
struct Marking<'a> {
    bytes: &'a [u8],
    gives: bool,
    cleared: &'a AtomicUsize,
}

impl Read for Marking<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        const MARK: u8 = 0xA5;
        let cleared = out.iter().filter(|&&byte| byte != MARK).count();
        self.cleared.fetch_add(cleared, Ordering::Relaxed);
        out.fill(MARK);
        self.gives = !self.gives;
        if !self.gives {
            return Err(IoKind::WouldBlock.into());
        }
        let count = self.bytes.len().min(1);
        out[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// The room for what is waited for is made once, however often the input makes its reader wait.
#[test]
fn what_is_waited_for_costs_the_same_however_often_the_input_hesitates() {
    let plaintext = paint(40_000);
    let wire = stream(&plaintext, DigestAlg::Sha256);
    let (header, rest) = wire.split_at(HEADER_LEN);
    let cleared = AtomicUsize::new(0);
    let rest = Marking { bytes: rest, gives: true, cleared: &cleared };
    let key = key();
    let options = DecryptOptions::standard();
    let reader = DecryptReader::new(header.chain(rest), &KeySource::Key(&key), &options);
    let mut reader = reader.expect("the header is there");
    let (mut found, mut buffer) = (Vec::new(), [0; 300]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => found.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), IoKind::WouldBlock),
        }
    }
    assert!(found == plaintext && reader.is_sealed());
    let cleared = cleared.load(Ordering::Relaxed);
    assert!(cleared < 4 * wire.len(), "{cleared} bytes for {}", wire.len());
}

#[test]
fn a_stream_that_hesitates_and_then_ends_is_cut_off_where_it_ends() {
    let wire = stream(&paint(1500), DigestAlg::None);
    for cut in (HEADER_LEN..wire.len()).step_by(7) {
        let (_, _, ended) = read_through(&wire[..cut], &[IoKind::WouldBlock]);
        let error = ended.expect_err("no whole stream");
        assert_eq!(error.kind(), IoKind::UnexpectedEof, "{cut}");
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<StreamError>());
        assert_eq!(inner.map(StreamError::kind), Some(ErrorKind::Unsealed), "{cut}");
    }
}

#[test]
fn every_other_failure_of_the_input_is_the_last() {
    let wire = stream(&paint(100), DigestAlg::None);
    let (header, rest) = wire.split_at(HEADER_LEN);
    let reset = Fault::Error(IoKind::ConnectionReset);
    let rest = Faulty::new(rest).at(Operation::Read, 1, reset).in_pieces(&[7]);
    let calls = rest.counters();
    let key = key();
    let options = DecryptOptions::standard();
    let reader = DecryptReader::new(header.chain(rest), &KeySource::Key(&key), &options);
    let mut reader = reader.expect("the header is there");
    let mut buffer = [0; 10];
    assert_eq!(reader.read(&mut buffer).expect_err("reset").kind(), IoKind::ConnectionReset);
    let before = calls.calls(Operation::Read);
    assert_eq!(reader.read(&mut buffer).expect_err("failed before").kind(), IoKind::Other);
    assert_eq!(calls.calls(Operation::Read), before, "the input is not asked again");
}
