//! Sealed metadata: sound, of the wrong form, and not what was sealed.

use super::base::{expect, painted_salt, sound, tiny};
use super::changed::{HEADER_LEN, both_headers};
use super::model::{Mode, Named, Reading, StreamCase, Vector, Verdict};
use crate::reference::{FailureKind, Params};

const FULL: &str = r#"{"name":"report.txt","size":"600","mtime":"2024-02-29T23:59:60Z","mode":"0644","media_type":"text/plain","slots":["alice","bob"],"user":{"a":"1","b":""}}"#;

/// Metadata that is read, metadata that is refused, and metadata that does not open.
pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = good();
    vectors.extend(refused());
    vectors.push(altered());
    vectors.push(without_trailer());
    vectors
}

fn with(json: &str) -> StreamCase {
    with_bytes(json.as_bytes())
}

fn with_bytes(json: &[u8]) -> StreamCase {
    let header_len = (96 + 40 + 6 + 40 + json.len() + 63).next_multiple_of(64) as u32;
    let metadata = Some((json.to_vec(), painted_salt(2, 0)));
    sound(&Params { metadata, header_len, ..tiny() }, 600)
}

fn good() -> Vec<Vector> {
    let padded_to_64 = format!(r#"{{"user":{{"x":"{}"}}}}"#, "y".repeat(64 - 18));
    let long = format!(r#"{{"user":{{"x":"{}"}}}}"#, "z".repeat(3000));
    let deepest = nested(63);
    let cases = [
        ("full", FULL),
        ("nested-64-deep", &deepest),
        ("empty-object", "{}"),
        ("unknown-members", r#"{"name":"a","x":[1,{"y":null}],"z":true}"#),
        ("utf8-name", r#"{"name":"\u00fcber \ud83d\ude00"}"#),
        ("exactly-one-step", &padded_to_64),
        ("long", &long),
        ("name-with-dots", r#"{"name":"..."}"#),
    ];
    let mut vectors: Vec<Vector> = cases
        .into_iter()
        .map(|(name, json)| {
            let mut case = with(json);
            case.read_sound().read(Mode::Metadata);
            case.named(format!("metadata-{name}"), "metadata", "Sound metadata.")
        })
        .collect();
    let mut none = sound(&tiny(), 600);
    none.read(Mode::Metadata);
    vectors.push(none.named("metadata-none", "metadata", "A stream without metadata."));
    vectors
}

/// An object with so many arrays in each other.
fn nested(arrays: usize) -> String {
    format!(r#"{{"x":{}{}}}"#, "[".repeat(arrays), "]".repeat(arrays))
}

/// Metadata that opens and is refused: only the call that asks for it fails (F-332, F-333).
fn refused() -> Vec<Vector> {
    let too_deep = nested(64);
    let cases: [(&str, &[u8]); 26] = [
        ("utf8-broken", b"{\"user\":{\"a\":\"\xff\"}}"),
        ("byte-order-mark", "\u{feff}{}".as_bytes()),
        ("surrogate-alone", br#"{"user":{"a":"\ud83d"}}"#),
        ("surrogates-reversed", br#"{"user":{"a":"\ude00\ud83d"}}"#),
        ("member-twice-by-escape", br#"{"x":1,"\u0078":2}"#),
        ("nested-65-deep", too_deep.as_bytes()),
        ("array", b"[]"),
        ("string", br#""name""#),
        ("nothing", b""),
        ("cut", br#"{"name":"a""#),
        ("text-after", b"{} {}"),
        ("member-twice", br#"{"name":"a","name":"a"}"#),
        ("inner-member-twice", br#"{"user":{"a":"1","a":"1"}}"#),
        ("name-a-number", br#"{"name":1}"#),
        ("size-a-number", br#"{"size":600}"#),
        ("mode-null", br#"{"mode":null}"#),
        ("slots-a-string", br#"{"slots":"alice"}"#),
        ("slots-of-numbers", br#"{"slots":[1]}"#),
        ("user-an-array", br#"{"user":[]}"#),
        ("user-of-numbers", br#"{"user":{"a":1}}"#),
        ("name-empty", br#"{"name":""}"#),
        ("name-dot", br#"{"name":"."}"#),
        ("name-dot-dot", br#"{"name":".."}"#),
        ("name-with-slash", br#"{"name":"../a"}"#),
        ("name-with-backslash", br#"{"name":"a\\b"}"#),
        ("name-with-nul", br#"{"name":"a\u0000b"}"#),
    ];
    cases
        .into_iter()
        .map(|(name, json)| {
            let mut case = StreamCase { origin: None, ..with_bytes(json) };
            case.read(Mode::Pipe).read(Mode::Seekable);
            for reading in &case.readings {
                expect(name, &reading.verdict, "success");
            }
            // The reference does not parse metadata, so this verdict is that of the format alone.
            let unit = Named { unit: Some("metadata"), ..Named::NOTHING };
            let verdict = Verdict::Failed(FailureKind::Malformed, unit, None);
            case.readings.push(Reading { mode: Mode::Metadata, verdict, released: Vec::new() });
            let scenario = "Metadata that opens but breaks a rule fails the call that asks for it.";
            case.named(format!("metadata-refused-{name}"), "metadata", scenario)
        })
        .collect()
}

/// A holder of the key wrote other bytes over the sealed ones.
fn altered() -> Vector {
    let metadata = Some((b"{}".to_vec(), painted_salt(2, 0)));
    let header_len = HEADER_LEN as u32;
    let base = sound(&Params { metadata, header_len, ..tiny() }, 600);
    let stream = both_headers(&base, |header| header[96 + 6 + 24] ^= 1);
    let mut case = base.with_stream(stream);
    case.read(Mode::Pipe).read(Mode::Seekable);
    for reading in &case.readings {
        expect("altered metadata", &reading.verdict, "success");
    }
    let unit = Named { unit: Some("metadata"), ..Named::NOTHING };
    let verdict = Verdict::Failed(FailureKind::AuthenticationFailed, unit, None);
    case.readings.push(Reading { mode: Mode::Metadata, verdict, released: Vec::new() });
    case.named("metadata-altered", "metadata", "Metadata that does not open.")
}

/// Where the trailer is missing, the front header alone has the metadata.
fn without_trailer() -> Vector {
    let base = with(FULL);
    let mut case = base.with_stream(base.stream[..base.stream.len() - 128].to_vec());
    case.read(Mode::Pipe).read(Mode::Seekable).read(Mode::Metadata);
    let outcomes: Vec<String> =
        case.readings.iter().map(|reading| reading.verdict.to_string()).collect();
    assert_eq!(outcomes, ["Unsealed", "Unsealed", "success"]);
    let scenario = "A stream whose trailer is missing still tells its metadata.";
    case.named("metadata-of-an-unsealed-stream", "metadata", scenario)
}
