//! Stores that keep whole objects and write nothing in place (format.md section 11).

use std::io::{self, Read, Write};

use sv2_core::{
    ChangeFile, ChangeStorage, DecryptOptions, DigestAlg, EncryptOptions, EncryptWriter, Geometry,
    HeaderChange, HeaderContent, InputSource, KeySource, MetadataChange, StreamError, StreamReader,
    append_on, rewrap_on,
};
use sv2_testkit::paint::paint;

use crate::disk::Disk;
use crate::support::{SEGMENT, addition, inline, judge, key, slot, stream};

/// A store that refuses to change an object that is there.
struct Objects(Disk);

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "objects are written once"))
}

impl ChangeStorage for Objects {
    fn len(&self, file: ChangeFile) -> io::Result<Option<u64>> {
        self.0.len(file)
    }

    fn read_at(&self, file: ChangeFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(file, buffer, offset)
    }

    fn write_all_at(&self, file: ChangeFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        match file {
            ChangeFile::Stream => refused(),
            ChangeFile::Record => self.0.write_all_at(file, bytes, offset),
        }
    }

    fn cut_stream(&self, _: u64) -> io::Result<()> {
        refused()
    }

    fn sync(&self, file: ChangeFile) -> io::Result<()> {
        self.0.sync(file)
    }

    fn create_record(&self) -> io::Result<()> {
        self.0.create_record()
    }

    fn remove_record(&self) -> io::Result<()> {
        self.0.remove_record()
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.0.sync_folder()
    }
}

// F-1103
#[test]
fn a_store_that_cannot_write_in_place_keeps_its_object_and_gets_a_new_one() {
    let (old_len, added) = (SEGMENT + 100, addition(2 * SEGMENT));
    let old = stream(old_len, DigestAlg::Sha256);
    let key = key();
    let keys = KeySource::Key(&key);

    let objects = Objects(Disk::new(&old));
    let appended = append_on(&objects, InputSource::Memory(&added), &keys, &inline());
    assert!(appended.is_err(), "{appended:?}");
    assert_eq!(objects.0.stream(), old, "an append");
    let objects = Objects(Disk::new(&old));
    let change = |_: HeaderContent<'_>| {
        let slots = vec![slot(2)];
        Ok::<_, StreamError>(HeaderChange::new(slots, MetadataChange::Keep))
    };
    let rewrapped = rewrap_on(&objects, &keys, change, &inline());
    assert!(rewrapped.is_err(), "a rewrite of the header");
    assert_eq!(objects.0.stream(), old, "a rewrite of the header");

    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(8, 1).expect("a legal geometry");
    options.slots = vec![slot(1)];
    let mut object = Vec::new();
    let opened = StreamReader::open(InputSource::Memory(&old), &keys, &DecryptOptions::standard());
    let mut reader = opened.expect("the old object is sound");
    let mut writer = EncryptWriter::new(&mut object, &key, &options).expect("legal options");
    let mut plaintext = Vec::new();
    reader.read_to_end(&mut plaintext).expect("the old plaintext");
    writer.write_all(&plaintext).and_then(|()| writer.write_all(&added)).expect("the new object");
    writer.finish().expect("the new object");
    let (plaintext, summary) = judge(&object).expect("a sound stream");
    assert_eq!(plaintext, [paint(old_len), added].concat());
    assert_eq!((summary.revision, summary.generation), (0, 0), "it is a new stream");
    assert!(judge(&old).is_some());
}
