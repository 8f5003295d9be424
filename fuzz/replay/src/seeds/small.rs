//! Seeds that are no part of a stream: scripts, metadata, age files, change records.

use super::{AGE_HEADER, Seed};
use sv2_testkit::paint;
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::primitives::sha256;

/// All of them.
pub(super) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for target in ["differential", "salvage", "scrub"] {
        seeds.extend(scripts().into_iter().map(|(name, data)| Seed { target, name, data }));
    }
    seeds.extend(metadata());
    seeds.extend(age_files());
    seeds.extend(change_records());
    seeds
}

fn seed(target: &'static str, name: &str, data: Vec<u8>) -> Seed {
    Seed { target, name: format!("{name}.bin"), data }
}

/// Sound streams of all parameters, and each kind of change with and without repairs.
fn scripts() -> Vec<(String, Vec<u8>)> {
    let mut scripts = Vec::new();
    for parameters in 0..24_u8 {
        let shape = (parameters * 7 % 16) | (parameters & 7) << 4;
        let script = vec![parameters | (parameters & 1) << 7, shape, 0, 0];
        scripts.push((format!("good-{parameters}.bin"), script));
    }
    for change in 0..13_u8 {
        for (number, repairs) in [0, 1, 0x24, 0x7C, 0xFF].into_iter().enumerate() {
            let head = [change, 0x0F - number as u8, 0, repairs];
            let script = [&head[..], &[change, 0, 17 + change, 3, 5, 9, 0, 20]].concat();
            scripts.push((format!("change{change}-repairs{repairs}.bin"), script));
        }
    }
    scripts
}

fn metadata() -> Vec<Seed> {
    let texts = [
        ("good-empty", "{}"),
        ("good-known", r#"{"name":"a b","size":"12","mtime":"","mode":"0644","media_type":"x/y"}"#),
        ("good-nested", r#"{"slots":["a","b"],"user":{"k":"v"},"x":[1,-0.5e+3,true,false,null]}"#),
        ("good-escapes", r#"{"a\"\\\/\b\f\n\r\t\u00e9":"\ud83d\ude00"}"#),
        ("bad-name", r#"{"name":".."}"#),
        ("bad-escaped-name", r#"{"n\u0061me":"a\u002fb"}"#),
        ("bad-twice", r#"{"a":1,"\u0061":2}"#),
        ("bad-kind", r#"{"slots":[1],"user":{}}"#),
        ("bad-user", r#"{"user":{"a":1}}"#),
        ("bad-number", r#"{"a":01}"#),
        ("bad-text", r#"["name"]"#),
    ];
    let selected = (0u8..).zip(texts);
    selected
        .map(|(number, (name, text))| {
            seed("metadata_decode", name, [&[number & 3], text.as_bytes()].concat())
        })
        .collect()
}

fn age_files() -> Vec<Seed> {
    let good = |stanzas: &str| {
        let mac = "A".repeat(43);
        let text = format!("age-encryption.org/v1\n{stanzas}--- {mac}\n");
        [text.as_bytes(), &[0xEE; 64]].concat()
    };
    let body = "ZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n";
    let full = "A".repeat(64);
    let scrypt = format!("-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\n{body}");
    let two = format!("-> a b c\n{full}\n\n-> x\n{body}");
    let odd = scrypt.replace(" 18\n", " 018\n");
    let mixed = format!("{scrypt}-> X25519 a\n{body}");
    let cut = [AGE_HEADER, &[0xEE; 63]].concat();
    let seed = |name, data| seed("slot_decode", name, data);
    vec![
        seed("good-x25519", [AGE_HEADER, &[0xEE; 64]].concat()),
        seed("good-scrypt", good(&scrypt)),
        seed("good-two-stanzas", good(&two)),
        seed("bad-work-factor", good(&odd)),
        seed("bad-mixed", good(&mixed)),
        seed("bad-no-stanza", good("")),
        seed("bad-cut", cut),
    ]
}

/// Change records for the 300 painted bytes of the target.
fn change_records() -> Vec<Seed> {
    let records = [(1, 100, 80), (2, 0, 20), (2, 290, 10)];
    let redo = change_record(1, 300, &records);
    let undo = change_record(2, 300, &records);
    let shorter = change_record(2, 250, &records[..2]);
    let foreign = {
        let mut bytes = change_record(1, 300, &[(1, 100, 80)]);
        bytes[32 + 16] ^= 1;
        bytes
    };
    // A cut before the second write is one in the middle of its replay.
    let clash = [(1, 100, 80), (2, 128, 20), (2, 290, 10)];
    let many = [(1, 100, 80); 17];
    let seed = |name, selector: u8, bytes: &[u8]| {
        seed("change_replay", name, [&[selector], bytes].concat())
    };
    vec![
        seed("good-redo", 0, &redo),
        seed("good-redo-cut-off", 3 << 2, &redo),
        seed("good-undo", 0, &undo),
        seed("good-undo-cut-off", 2 << 2, &undo),
        seed("good-undo-shorter", 3, &shorter),
        seed("good-nothing", 0, &change_record(1, 300, &records[..1])),
        seed("good-witnesses", 3, &change_record(1, 300, &many[..16])),
        seed(
            "good-overwritten",
            0x17,
            &change_record(1, 300, &[records[0], (2, 0, 20), (2, 10, 20)]),
        ),
        seed("bad-no-witness", 0, &change_record(1, 300, &records[1..])),
        seed("bad-short-witness", 0, &change_record(1, 300, &[(1, 100, 79)])),
        seed("bad-witnesses", 3, &change_record(1, 300, &many)),
        seed("bad-write-changes-witness", 0x17, &change_record(1, 300, &clash)),
        seed("bad-undo-changes-witness", 0x17, &change_record(2, 290, &clash[..2])),
        seed("bad-witness-after-write", 0, &change_record(1, 300, &[records[1], records[0]])),
        seed("bad-witness", 3, &foreign),
        seed("bad-outside", 0, &change_record(1, 299, &records)),
        seed("bad-cut", 0, &redo[..redo.len() - 1]),
        seed("bad-hash", 0, &[&redo[..redo.len() - 1], &[0]].concat()),
    ]
}

/// A change record whose records (purpose, offset, length) hold what the stream holds there, and
/// something else where they are to be written.
fn change_record(direction: u8, len: u64, records: &[(u8, u64, usize)]) -> Vec<u8> {
    let mut bytes = b"SV2CHNG\n\0\x01\0".to_vec();
    bytes.extend([direction, 0, 0, 0, 0]);
    bytes.extend(len.to_be_bytes());
    bytes.extend((records.len() as u64).to_be_bytes());
    for &(purpose, offset, len) in records {
        let mut content = paint::painted_range(offset, len);
        if purpose == 2 {
            content.iter_mut().for_each(|byte| *byte ^= 0xFF);
        }
        let mut record = offset.to_be_bytes().to_vec();
        record.extend((len as u32).to_be_bytes());
        record.extend([0, 0, 0, purpose]);
        record.extend(content);
        record.extend([0; 8]);
        refresh_crc(&mut record);
        bytes.extend(record);
    }
    let hash = sha256(&bytes);
    bytes.extend(hash);
    bytes
}
