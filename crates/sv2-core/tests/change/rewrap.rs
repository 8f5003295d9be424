//! Other recipients for the same segments.

use sv2_core::{
    DecryptOptions, DigestAlg, EncryptOptions, HeaderChange, HeaderContent, InputSource, KeySource,
    MetadataChange, OutputSink, Section, StreamError, decrypt_stream_with, encrypt_stream_v2,
    inspect, read_metadata, rewrap, rewrap_on,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Params, encrypt};

use crate::disk::{Disk, Found};
use crate::support::{
    DIGESTS, HEADER_LEN, KEY, SEGMENT, inline, judge, key, readdress, slot, stream, stream_with,
    with_recipient,
};

/// Whether a recipient can read the stream.
fn opens(stream: &[u8], recipient: u8) -> bool {
    let mut plaintext = Vec::new();
    let (input, output) = (InputSource::Memory(stream), OutputSink::Memory(&mut plaintext));
    let options = DecryptOptions::standard();
    let read = with_recipient(recipient, |keys| decrypt_stream_with(input, output, keys, &options));
    match read {
        Ok(_) => true,
        Err(StreamError::NoKeyFits { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

// F-1107, F-310, F-706, F-701
#[test]
fn a_rewrite_changes_header_copy_and_trailer_alone() {
    for digest in DIGESTS {
        for len in [0, 1, SEGMENT, 5 * SEGMENT + 3] {
            let old = stream(len, digest);
            let (_, before) = judge(&old).expect("a sound stream");
            let disk = Disk::new(&old);
            let report = readdress(&disk, &[1, 2]).expect("a rewrite");
            let new = disk.stream();
            let (plaintext, after) = judge(&new).expect("a sound stream");
            assert_eq!(plaintext, paint(len));
            assert_eq!((after.revision, after.generation), (1, 0));
            assert_eq!(after.fingerprint, before.fingerprint);
            assert_eq!(report.fingerprint, before.fingerprint.expect("a sealed stream"));
            assert_eq!((report.revision, report.slots_before, report.slots), (1, 1, 2));

            let tail = new.len()
                - 128
                - after.segments as usize * (32 + digest.len())
                - 32 * after.segments.div_ceil(1024) as usize
                - HEADER_LEN;
            assert_eq!(new[HEADER_LEN..tail], old[HEADER_LEN..tail], "segments");
            let (index, trailer) = (tail + HEADER_LEN, new.len() - 128);
            assert_eq!(new[index..trailer + 72], old[index..trailer + 72], "index, content");
            assert_eq!(new[..HEADER_LEN], new[tail..index], "the copy is the front");
            assert_eq!(disk.found().record, None);
        }
    }
}

// F-1107
#[test]
fn new_recipients_open_the_stream_and_removed_ones_do_not() {
    let disk = Disk::new(&stream(700, DigestAlg::None));
    assert_eq!([1, 2, 3].map(|who| opens(&disk.stream(), who)), [true, false, false]);
    readdress(&disk, &[1, 2, 3]).expect("a rewrite");
    assert_eq!([1, 2, 3].map(|who| opens(&disk.stream(), who)), [true, true, true]);
    readdress(&disk, &[3, 1]).expect("a rewrite");
    assert_eq!([1, 2, 3].map(|who| opens(&disk.stream(), who)), [true, false, true]);
    let (_, summary) = judge(&disk.stream()).expect("a sound stream");
    assert_eq!(summary.revision, 2);
}

// F-1107
#[test]
fn the_change_is_shown_the_key_the_slots_and_the_metadata_once() {
    let json = br#"{"name":"a"}"#;
    let disk = Disk::new(&stream_with(3, DigestAlg::None, Some(json)));
    let mut seen = 0;
    let change = |content: HeaderContent<'_>| {
        seen += 1;
        assert_eq!(content.key.expose(), &KEY);
        assert_eq!(content.slots, [slot(1)]);
        assert_eq!(content.available, HEADER_LEN as u64 - 136);
        let metadata = content.metadata.expect("metadata that open").expect("metadata");
        assert_eq!(metadata.trim_ascii_end(), json);
        Err::<HeaderChange, _>(Refusal::OnPurpose)
    };
    let refused = with_recipient(1, |keys| rewrap_on(&disk, keys, change, &inline()));
    assert!(matches!(refused, Err(Refusal::OnPurpose)), "{refused:?}");
    assert_eq!((seen, disk.log()), (1, vec![]), "a change that fails changes nothing");
}

#[derive(Debug)]
enum Refusal {
    OnPurpose,
    Stream,
}

impl From<StreamError> for Refusal {
    fn from(_: StreamError) -> Self {
        Self::Stream
    }
}

fn metadata_of(stream: &[u8]) -> Option<Vec<u8>> {
    let key = key();
    let read = read_metadata(InputSource::Memory(stream), &KeySource::Key(&key), &[]);
    read.expect("metadata that open").map(|json| json.trim_ascii_end().to_vec())
}

fn metadata_section(stream: &[u8]) -> Option<Vec<u8>> {
    let inspection = inspect(InputSource::Memory(stream)).expect("a stream");
    let section = inspection.header.sections.iter().find(|section| section.kind == 2);
    section.map(|section| section.body.clone())
}

// F-331, F-330
#[test]
fn metadata_are_kept_verbatim_sealed_anew_or_removed() {
    let old = stream_with(3, DigestAlg::None, Some(br#"{"slots":["a"]}"#));
    let rewrite = |metadata| {
        let disk = Disk::new(&old);
        let change =
            |_: HeaderContent<'_>| Ok::<_, StreamError>(HeaderChange::new(vec![slot(1)], metadata));
        with_recipient(1, |keys| rewrap_on(&disk, keys, change, &inline())).expect("a rewrite");
        judge(&disk.stream()).expect("a sound stream");
        disk.stream()
    };
    let kept = rewrite(MetadataChange::Keep);
    assert_eq!(metadata_section(&kept), metadata_section(&old));

    let json = br#"{"slots":["b"]}"#.to_vec();
    let replaced = rewrite(MetadataChange::Replace(json.clone()));
    assert_eq!(metadata_of(&replaced), Some(json));
    let salts =
        [&replaced, &old].map(|stream| metadata_section(stream).expect("one")[..24].to_vec());
    assert_ne!(salts[0], salts[1]);

    let removed = rewrite(MetadataChange::Remove);
    assert_eq!(metadata_section(&removed), None);
}

// F-1107
#[test]
fn sections_that_readers_may_skip_stay() {
    let mut params = Params::tiny(1, 0, 1);
    params.slotted = true;
    params.header_len = HEADER_LEN as u32;
    let first = slot(1);
    params.sections = vec![(0x8123, b"mine".to_vec()), (first.kind, first.body)];
    let disk = Disk::new(&encrypt(&KEY, &params, &mut |_| [1; 24], &paint(10)));
    readdress(&disk, &[2]).expect("a rewrite");
    let inspection = inspect(InputSource::Memory(&disk.stream())).expect("a stream");
    let mine = Section { kind: 0x8123, body: b"mine".to_vec() };
    assert_eq!(inspection.header.sections, [slot(2), mine]);
}

// F-1108
#[test]
fn sections_that_do_not_fit_are_refused_with_both_figures() {
    let old = stream(3, DigestAlg::None);
    let disk = Disk::new(&old);
    // A toy slot takes 6 + 2 + 33 bytes of the 184 that there are.
    readdress(&disk, &[1, 2, 3, 4]).expect("four slots fit");
    let log = disk.log();
    let error = readdress(&disk, &[1, 2, 3, 4, 5]).expect_err("five do not");
    let figures = match error {
        StreamError::HeaderFull { needed, available } => (needed, available),
        other => panic!("{other}"),
    };
    assert_eq!(figures, (205, 184));
    assert_eq!(disk.log(), log, "nothing was written");
}

// F-316, F-317
#[test]
fn a_stream_without_slots_gets_none_and_none_loses_its_last() {
    let (key, mut plain) = (key(), Vec::new());
    let output = OutputSink::Memory(&mut plain);
    encrypt_stream_v2(InputSource::Memory(b"x"), output, &key, &EncryptOptions::standard())
        .expect("a stream");
    let disk = Disk::new(&plain);
    let change = |_: HeaderContent<'_>| -> Result<HeaderChange, StreamError> {
        panic!("the change is not asked")
    };
    let error = rewrap_on(&disk, &KeySource::Key(&key), change, &inline()).expect_err("no slots");
    assert!(matches!(error, StreamError::Usage(_)), "{error}");

    let slotted = Disk::new(&stream(3, DigestAlg::None));
    let error = readdress(&slotted, &[]).expect_err("no slot is left");
    assert!(matches!(error, StreamError::Usage(_)), "{error}");
    assert_eq!((disk.log(), slotted.log()), (vec![], vec![]));
}

#[test]
fn a_pinned_fingerprint_keeps_other_streams_from_being_rewritten() {
    let disk = Disk::new(&stream(5, DigestAlg::None));
    let mut options = inline();
    options.expected_fingerprint = Some([0; 32]);
    let change = |_: HeaderContent<'_>| -> Result<HeaderChange, StreamError> {
        panic!("the change is not asked")
    };
    let refused = with_recipient(1, |keys| rewrap_on(&disk, keys, change, &options));
    assert!(matches!(refused, Err(StreamError::WrongFingerprint)), "{refused:?}");
    assert_eq!(disk.log(), []);
}

// F-310
#[test]
fn the_last_revision_is_not_passed() {
    let mut params = Params::tiny(1, 0, 1);
    params.slotted = true;
    params.header_len = HEADER_LEN as u32;
    params.revision = u64::MAX;
    let first = slot(1);
    params.sections = vec![(first.kind, first.body)];
    let disk = Disk::new(&encrypt(&KEY, &params, &mut |_| [1; 24], &paint(10)));
    let error = readdress(&disk, &[1, 2]).expect_err("no revision is left");
    assert!(matches!(error, StreamError::Limit { what: "header revision", .. }), "{error}");
    assert_eq!(disk.log(), []);
}

// F-318, F-321
#[test]
fn slots_that_break_a_rule_are_refused_before_anything_changes() {
    let disk = Disk::new(&stream(3, DigestAlg::None));
    let broken = Section { kind: 1, body: vec![0] };
    let change = |_: HeaderContent<'_>| {
        let slots = vec![slot(1), broken];
        Ok::<_, StreamError>(HeaderChange::new(slots, MetadataChange::Keep))
    };
    let refused = with_recipient(1, |keys| rewrap_on(&disk, keys, change, &inline()));
    assert!(matches!(refused, Err(StreamError::Malformed { .. })), "{refused:?}");
    assert_eq!(disk.log(), []);
}

// F-807, F-1107
#[test]
fn a_damaged_front_header_or_copy_is_mended() {
    let old = stream(SEGMENT + 1, DigestAlg::None);
    let copy = old.len() - 128 - 32 - 64 - HEADER_LEN;
    for at in [0, 20, HEADER_LEN - 50, copy, copy + 20, copy + HEADER_LEN - 50] {
        let mut damaged = old.clone();
        damaged[at] ^= 1;
        let disk = Disk::new(&damaged);
        readdress(&disk, &[1, 2]).expect("the other header is usable");
        let (plaintext, _) = judge(&disk.stream()).expect("a sound stream");
        assert_eq!(plaintext, paint(SEGMENT + 1));
        assert_eq!(disk.found(), Found { stream: disk.stream(), record: None });
    }
}

// F-1107
#[test]
fn a_stream_in_a_file_is_rewritten_in_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("stream.sv2");
    std::fs::write(&path, stream(2000, DigestAlg::None)).expect("a small file");
    let change = |_: HeaderContent<'_>| {
        let slots = vec![slot(1), slot(7)];
        Ok::<_, StreamError>(HeaderChange::new(slots, MetadataChange::Keep))
    };
    let report = with_recipient(1, |keys| rewrap(&path, keys, change, &inline()));
    assert_eq!(report.expect("a rewrite").slots, 2);
    let new = std::fs::read(&path).expect("a file");
    assert!(opens(&new, 7));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "no record");
}
