//! Seeds that are no part of a stream: scripts, metadata, age files.

use super::{AGE_HEADER, Seed};

/// All of them.
pub(super) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for target in ["differential", "salvage", "scrub"] {
        seeds.extend(scripts().into_iter().map(|(name, data)| Seed { target, name, data }));
    }
    seeds.extend(metadata());
    seeds.extend(age_files());
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
