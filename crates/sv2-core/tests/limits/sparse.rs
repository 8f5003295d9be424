//! What sealed sparse files cost: whoever holds a key can seal terabytes that were never written,
//! and every call follows what lies on the disk (docs/security.md, claim 6).

#![expect(clippy::print_stdout, reason = "what was counted is printed")]

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

use sv2_core::{
    ChangeOptions, Gaps, InputSource, KeySource, OutputSink, StreamError, StreamKey, StreamReader,
    Unit, append, decrypt_stream_v2, find_mends, inspect, object_checksum, salvage, scrub, verify,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::forge::reseal_trailer;
use sv2_testkit::reference::primitives::sha256;
use sv2_testkit::reference::{self, Params};

use crate::peak_of;
use crate::proportion::{KEY, MEMORY, options};

/// Entries of a page, and bytes of an entry without a digest.
const PAGE: u64 = 1024;
const ENTRY: u64 = 32;

/// A sealed stream of so many segments of 256 bytes of which nothing was ever written but headers,
/// page table and trailer; the table where it is `Some`.
struct Sparse {
    file: tempfile::NamedTempFile,
    segments: u64,
}

impl Sparse {
    fn new(segments: u64, table: Option<&[u8]>, root: [u8; 32]) -> Self {
        let params = Params::tiny(1, 0, 0);
        let sound = reference::encrypt(&KEY, &params, &mut |_| [7; 24], &paint(1));
        let header = &sound[..256];
        let len = params.layout().stream_len(segments * 256);
        let mut trailer = sound[sound.len() - 128..].to_vec();
        trailer[24..32].copy_from_slice(&segments.to_be_bytes());
        trailer[32..40].copy_from_slice(&(segments * 256).to_be_bytes());
        trailer[40..72].copy_from_slice(&root);
        reseal_trailer(&KEY, b"", header, &mut trailer);
        let file = tempfile::NamedTempFile::new().expect("a file");
        let pages = segments.div_ceil(PAGE);
        let table_at = len - 128 - 32 * pages;
        let disk = file.as_file();
        disk.set_len(len).expect("a hole");
        disk.write_all_at(header, 0).expect("written");
        disk.write_all_at(header, table_at - segments * ENTRY - 256).expect("written");
        disk.write_all_at(&trailer, len - 128).expect("written");
        if let Some(table) = table {
            disk.write_all_at(table, table_at).expect("written");
        }
        Self { file, segments }
    }

    /// One whose pages are of zeros and whose table says so.
    fn with_table(segments: u64) -> Self {
        let row = sha256(&vec![0; (PAGE * ENTRY) as usize]);
        let last = sha256(&vec![0; (segments % PAGE * ENTRY) as usize]);
        let mut table = row.repeat((segments / PAGE) as usize);
        if !segments.is_multiple_of(PAGE) {
            table.extend_from_slice(&last);
        }
        Self::new(segments, Some(&table), sha256(&table))
    }

    fn input(&self) -> InputSource<'static> {
        InputSource::File(self.file.reopen().expect("the file"))
    }

    /// Runs a call, and checks what it held.
    fn cheap<T>(&self, what: &str, call: impl FnOnce() -> T) -> T {
        let mut result = None;
        let peak = peak_of(|| result = Some(call()));
        let len = self.file.as_file().metadata().expect("it is there").len();
        println!("{} segments in {len} bytes, {what}: {peak} held", self.segments);
        assert!(peak < MEMORY, "{what}: {peak} bytes held");
        result.expect("it ran")
    }

    fn on_disk(&self) -> u64 {
        self.file.as_file().metadata().expect("it is there").blocks() * 512
    }
}

fn sink() -> OutputSink<'static> {
    OutputSink::Writer(Box::new(io::sink()))
}

/// F-704, F-829: a sealed index of 67 MB in a hole, whose page table is there: it holds, and nothing
/// of it is held.
#[test]
fn a_sealed_index_that_was_never_written_is_neither_read_nor_held() {
    let sparse = Sparse::with_table(2_100_000);
    assert!(sparse.on_disk() < 1 << 20, "{}", sparse.on_disk());
    let (key, options) = (StreamKey::from_bytes(KEY), options());
    let keys = KeySource::Key(&key);

    let first = |error: Result<_, StreamError>| match error.map(drop) {
        Err(StreamError::ChecksumMismatch { unit: Unit::Frame { segment: 0, .. }, .. })
        | Err(StreamError::AuthenticationFailed { unit: Unit::Frame { segment: 0, .. }, .. })
        | Err(StreamError::Malformed { unit: Unit::Frame { segment: 0, .. }, .. }) => {}
        other => panic!("{other:?}"),
    };
    first(
        sparse.cheap("decrypt", || {
            decrypt_stream_v2(sparse.input(), sink(), &key, &options).map(drop)
        }),
    );
    let map = sparse.cheap("verify", || verify(sparse.input(), &keys, &options)).expect("sealed");
    assert!(map.authenticated && !map.is_undamaged());
    assert_eq!(map.damaged_plaintext, 2_100_000 * 256);
    assert!(map.damages.len() <= 20, "{:?}", map.damages);
    let map = sparse.cheap("scrub", || scrub(sparse.input(), &options.run)).expect("it decodes");
    assert!(map.damages.len() <= 20, "{:?}", map.damages);
    let mends = sparse.cheap("mends", || find_mends(sparse.input(), &map, &options.run));
    assert!(mends.expect("it decodes").list.is_empty());
    first(sparse.cheap("a range", || {
        let reader = StreamReader::open(sparse.input(), &keys, &options)?;
        reader.read_at(&mut [0; 100], 7).map(drop)
    }));
    let report =
        sparse.cheap("salvage", || salvage(sparse.input(), sink(), &keys, &options, Gaps::Skip));
    assert_eq!(report.expect("its seal holds").recovered, 0);
    sparse.cheap("inspect", || inspect(sparse.input())).expect("it decodes");
    let checksum = sparse.cheap("a checksum", || object_checksum(sparse.input()));
    let unwritten = |it: &_| matches!(it, StreamError::Malformed { unit: Unit::Index, .. });
    assert!(unwritten(&checksum.expect_err("nothing was summed up")));
    // Nobody's index becomes 67 MB of zeros that are written.
    let path = sparse.file.path();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("its owner's");
    let appended = sparse.cheap("append", || {
        append(path, InputSource::Memory(b"more"), &keys, &ChangeOptions::standard())
    });
    assert!(unwritten(&appended.expect_err("refused")));
    assert!(sparse.on_disk() < 1 << 20, "{}", sparse.on_disk());
}

/// F-704: the largest page table there can be, sealed as the zeros of a hole: no page hashes to
/// zeros, so it is not read.
#[test]
fn a_sealed_page_table_that_was_never_written_is_not_read() {
    let segments = 1 << 32;
    let mut root = [0; 32];
    // Where nothing else is measured.
    peak_of(|| root = sha256(&vec![0; 128 << 20]));
    let sparse = Sparse::new(segments, None, root);
    let (key, options) = (StreamKey::from_bytes(KEY), options());
    let keys = KeySource::Key(&key);
    let is_index = |error: Option<StreamError>| {
        matches!(error, Some(StreamError::AuthenticationFailed { unit: Unit::Index, .. }))
    };
    let decrypted = sparse
        .cheap("decrypt", || decrypt_stream_v2(sparse.input(), sink(), &key, &options).map(drop));
    assert!(is_index(decrypted.err()));
    let found = sparse.cheap("verify", || verify(sparse.input(), &keys, &options));
    assert!(is_index(found.err()));
    let opened =
        sparse.cheap("a reader", || StreamReader::open(sparse.input(), &keys, &options).map(drop));
    assert!(is_index(opened.err()));
    let map = sparse.cheap("scrub", || scrub(sparse.input(), &options.run)).expect("it decodes");
    assert!(map.damages.len() <= 20, "{:?}", map.damages);
    let mends = sparse.cheap("mends", || find_mends(sparse.input(), &map, &options.run));
    assert!(mends.expect("it decodes").list.is_empty());
    let salvaged =
        sparse.cheap("salvage", || salvage(sparse.input(), sink(), &keys, &options, Gaps::Skip));
    assert_eq!(salvaged.expect("its seal holds").recovered, 0);
    let appended = sparse.cheap("append", || {
        append(sparse.file.path(), InputSource::Memory(b"more"), &keys, &ChangeOptions::standard())
    });
    assert!(is_index(appended.err()));
}

/// A trailer that the key does not confirm says nothing of how many segments there are: a salvage
/// goes by what was ever written, and not from each of a thousand million segments to the one
/// before.
#[test]
fn a_salvage_steps_over_segments_that_were_never_written() {
    let sparse = Sparse::new(1 << 30, None, [1; 32]);
    let disk = sparse.file.as_file();
    let len = disk.metadata().expect("it is there").len();
    let mut trailer = [0; 128];
    disk.read_exact_at(&mut trailer, len - 128).expect("read");
    let mut header = [0; 256];
    disk.read_exact_at(&mut header, 0).expect("read");
    reseal_trailer(&[9; 32], b"", &header, &mut trailer);
    disk.write_all_at(&trailer, len - 128).expect("written");
    let key = StreamKey::from_bytes(KEY);
    let keys = KeySource::Key(&key);
    let salvaged =
        sparse.cheap("salvage", || salvage(sparse.input(), sink(), &keys, &options(), Gaps::Skip));
    assert_eq!(salvaged.expect("its header opens").recovered, 0);
}
