//! A stream of more than 4 GiB with holes, as a file and by positioned reads.

use std::io::{self, Seek, SeekFrom, Write};

use sv2_core::{
    DecryptOptions, InputSource, KeySource, OutputSink, ReadAt, StreamKey, StreamReader,
    decrypt_stream_v2,
};
use sv2_testkit::vectors::{Body, Mode, SparseCase, Verdict};

use crate::expect::{ends_as, fails_as};
use crate::family;

/// A source of positioned reads that gives zeros where there is no piece.
struct Holes(SparseCase);

impl ReadAt for Holes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = (self.0.len.saturating_sub(offset)).min(buffer.len() as u64) as usize;
        let end = offset + count as u64;
        buffer[..count].fill(0);
        for (start, bytes) in &self.0.pieces {
            let (from, to) = (offset.max(*start), end.min(start + bytes.len() as u64));
            if from < to {
                let held = &bytes[(from - start) as usize..(to - start) as usize];
                buffer[(from - offset) as usize..(to - offset) as usize].copy_from_slice(held);
            }
        }
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len)
    }
}

/// The stream as a file with holes.
fn file(sparse: &SparseCase) -> io::Result<InputSource<'static>> {
    let mut file = tempfile::tempfile()?;
    file.set_len(sparse.len)?;
    for (at, bytes) in &sparse.pieces {
        file.seek(SeekFrom::Start(*at))?;
        file.write_all(bytes)?;
    }
    file.rewind()?;
    Ok(InputSource::File(file))
}

/// F-213, F-804, F-805, F-822, beyond 2^32.
#[test]
fn ranges_beyond_4_gib_are_read_from_a_stream_with_holes() {
    let vectors = family("sparse");
    let Body::Sparse(sparse) = &vectors[0].body else { panic!("a sparse stream") };
    assert!(sparse.len > 1 << 32);
    let key = StreamKey::from_bytes(sparse.case.key);
    let (keys, options) = (KeySource::Key(&key), DecryptOptions::standard());
    let mut ranges = 0;
    for reading in &sparse.case.readings {
        let sources = [
            file(sparse).expect("a file with holes"),
            InputSource::ReadAt(Box::new(Holes((**sparse).clone()))),
        ];
        for input in sources {
            match &reading.mode {
                Mode::Range { offset, len, .. } => {
                    let reader = StreamReader::open(input, &keys, &options).expect("it opens");
                    let left = reader.len().saturating_sub(*offset);
                    let mut out = vec![0; (*len).min(left) as usize];
                    match (reader.read_at(&mut out, *offset), &reading.verdict) {
                        (Ok(_), Verdict::Sound(_)) => assert_eq!(out, reading.released),
                        (Ok(_), verdict) => panic!("{offset}: success instead of {verdict}"),
                        (Err(error), verdict) => fails_as("range", "", &error, verdict),
                    }
                    ranges += 1;
                }
                Mode::Seekable => {
                    let mut released = Vec::new();
                    let output = OutputSink::Writer(Box::new(&mut released));
                    let done = decrypt_stream_v2(input, output, &key, &options);
                    ends_as("whole", "", &done, &reading.verdict);
                    assert!(released.is_empty());
                }
                _ => {}
            }
        }
    }
    assert_eq!(ranges, 2 * 9);
}
