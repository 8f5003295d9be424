//! What a call must say of a stream to continue it, and who can open the result.

use sv2_core::{
    CheckpointError, CheckpointFile, DigestAlg, EncryptOptions, ErrorKind, Geometry, InputSource,
    KeySource, Section, StreamError, StreamKey, StreamReport, Suite, inspect, read_metadata,
    resume_encrypt,
};
use sv2_testkit::paint::paint;

use crate::support::{Folder, KEY, SEGMENT, key, options, refusal, stream};

const LEN: usize = 5 * SEGMENT + 1;

fn differs(result: Result<StreamReport, StreamError>) -> &'static str {
    match refusal(result) {
        CheckpointError::Differs { option } => option,
        other => panic!("{other}"),
    }
}

/// F-1114: a call with other options is refused with the option's name, and nothing is changed.
#[test]
fn another_option_is_refused_by_name() {
    let plaintext = paint(LEN);
    let left = stream(&plaintext, &options(DigestAlg::Sha256, 1));
    type Change = fn(&mut EncryptOptions);
    let changes: [(Change, &str); 7] = [
        (|o| o.suite = Suite::ChaCha20Poly1305, "suite"),
        (|o| o.digest = DigestAlg::None, "digest"),
        (|o| o.geometry = Geometry::new(9, 0).expect("a legal geometry"), "frame size"),
        (|o| o.geometry = Geometry::new(8, 2).expect("a legal geometry"), "segment size"),
        (|o| o.header_len = Some(320), "length of the header"),
        (|o| o.context = b"another".to_vec(), "key or context"),
        (|o| o.slots = vec![toy(1)], "kind of key"),
    ];
    for (change, name) in changes {
        let folder = Folder::with_unfinished(&left);
        let mut other = options(DigestAlg::Sha256, 2);
        change(&mut other);
        assert_eq!(differs(folder.resume(&plaintext, &other)), name);
        assert_eq!(folder.file(CheckpointFile::Output), left, "{name}");
        assert_eq!(folder.names(), ["out.unfinished"]);
    }
}

/// F-1105: the key itself is judged by the commitment.
#[test]
fn another_key_is_refused() {
    let plaintext = paint(LEN);
    let left = stream(&plaintext, &options(DigestAlg::None, 1));
    let folder = Folder::with_unfinished(&left);
    let other = StreamKey::from_bytes([8; 32]);
    let slots = |_: &StreamKey| Ok::<_, StreamError>(Vec::new());
    let input = InputSource::Memory(&plaintext);
    let options = options(DigestAlg::None, 2);
    let result = resume_encrypt(input, &folder.output, &KeySource::Key(&other), slots, &options);
    assert_eq!(differs(result), "key or context");
    assert_eq!(folder.file(CheckpointFile::Output), left);
}

/// A slot that whoever knows the recipient's number can open.
fn toy(recipient: u8) -> Section {
    let mut bytes = vec![recipient];
    bytes.extend(KEY.map(|byte| byte ^ recipient));
    Section::slot(0x8001, &bytes)
}

/// Continues for other recipients as the holder of one recipient's number.
fn resume_as(
    folder: &Folder,
    recipient: u8,
    slots: Vec<Section>,
    options: &EncryptOptions,
) -> Result<StreamReport, StreamError> {
    let open = move |found: &[Section], fits: &mut dyn FnMut(&StreamKey) -> bool| {
        let wrapped = found.iter().find_map(|slot| match slot.as_slot() {
            Some((0x8001, [number, wrapped @ ..])) if *number == recipient => {
                <[u8; 32]>::try_from(wrapped).ok()
            }
            _ => None,
        });
        let wrapped = wrapped.ok_or("no slot for this recipient")?;
        let key = StreamKey::from_bytes(wrapped.map(|byte| byte ^ recipient));
        if fits(&key) { Ok(key) } else { Err("the slot holds another key".into()) }
    };
    let make = |_: &StreamKey| Ok::<_, StreamError>(slots);
    let plaintext = paint(LEN);
    let input = InputSource::Memory(&plaintext);
    resume_encrypt(input, &folder.output, &KeySource::Slots(&open), make, options)
}

fn slotted(slots: Vec<Section>, metadata: Option<&[u8]>) -> EncryptOptions {
    let mut options = options(DigestAlg::None, 1).slots(slots).header_len(512);
    options.metadata = metadata.map(<[u8]>::to_vec);
    options
}

/// F-1113: recipients and metadata are those of the call that finishes the stream, with revision
/// 0 (F-310), and the segments are kept all the same.
#[test]
fn the_stream_opens_for_whom_the_last_call_names() {
    let first = slotted(vec![toy(1)], Some(br#"{"name":"old"}"#));
    let left = stream(&paint(LEN), &first);
    let folder = Folder::with_unfinished(&left);
    let now = slotted(vec![toy(2), toy(3)], Some(br#"{"name":"new"}"#));
    let report = resume_as(&folder, 1, now.slots.clone(), &now).expect("it goes on");
    assert_eq!((report.kept_segments, report.revision, report.generation), (6, 0, 0));

    let finished = folder.result();
    let found = inspect(InputSource::Memory(&finished)).expect("a stream");
    assert_eq!(found.header.sections[..2], now.slots);
    assert_eq!(found.header.sections.len(), 3);
    let keys = key();
    let metadata = read_metadata(InputSource::Memory(&finished), &KeySource::Key(&keys), b"");
    let metadata = metadata.expect("sealed metadata").expect("there are some");
    assert_eq!(metadata.trim_ascii_end(), br#"{"name":"new"}"#);
    assert!(crate::support::holds(&finished, &paint(LEN)));
    assert_eq!(finished[512..512 + 72], left[512..512 + 72]);
}

/// F-1105: without a key that opens a slot nothing is resumed.
#[test]
fn without_a_key_that_opens_a_slot_it_is_refused() {
    let left = stream(&paint(LEN), &slotted(vec![toy(1)], None));
    let folder = Folder::with_unfinished(&left);
    let now = slotted(vec![toy(2)], None);
    let error = resume_as(&folder, 2, now.slots.clone(), &now).expect_err("no slot of ours");
    assert!(matches!(error, StreamError::NoKeyFits { source: Some(_) }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Key);
    assert_eq!(folder.file(CheckpointFile::Output), left);
}

/// F-308: the length of the header was decided when the stream was begun.
#[test]
fn recipients_that_do_not_fit_are_refused_before_anything_is_written() {
    let left = stream(&paint(LEN), &slotted(vec![toy(1)], None));
    let folder = Folder::with_unfinished(&left);
    let now = slotted((0..20).map(toy).collect(), None);
    let error = resume_as(&folder, 1, now.slots.clone(), &now).expect_err("too many");
    assert!(matches!(error, StreamError::HeaderFull { available: 376, .. }), "{error}");
    assert_eq!(folder.file(CheckpointFile::Output), left);
}

/// A stream that was begun under a raw key has no slots, and the reverse; the keys depend on it.
#[test]
fn a_raw_key_and_recipients_do_not_continue_each_other() {
    let left = stream(&paint(LEN), &options(DigestAlg::None, 1));
    let folder = Folder::with_unfinished(&left);
    let now = options(DigestAlg::None, 2).slots([toy(1)]);
    let result = resume_as(&folder, 1, now.slots.clone(), &now);
    assert_eq!(differs(result), "kind of key");
    let folder = Folder::with_unfinished(&stream(&paint(LEN), &slotted(vec![toy(1)], None)));
    let now = slotted(Vec::new(), None);
    assert_eq!(differs(resume_as(&folder, 1, Vec::new(), &now)), "kind of key");
}
