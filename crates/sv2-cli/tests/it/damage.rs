//! Every row of the table in `docs/damage.md`: the damage is made, each command is run on it, and
//! what it says and how it ends is what the table says.

use sv2_testkit::reference::forge::reseal_header;

use crate::bad_streams::{frame, seal, with_stream};
use crate::sandbox::Sandbox;

const TABLE: &str = include_str!("../../../../docs/damage.md");

/// What a cell of the table says.
struct Said<'t> {
    code: i32,
    words: Vec<&'t str>,
}

impl<'t> Said<'t> {
    fn of(cell: &'t str) -> Self {
        let digits = cell.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        let code = digits.parse().unwrap_or_else(|_| panic!("no exit code: {cell}"));
        Self { code, words: cell.split('"').skip(1).step_by(2).collect() }
    }
}

/// The rows of the table: the damage, and what each command says.
fn rows() -> Vec<(&'static str, Vec<Said<'static>>)> {
    let lines = TABLE.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = lines.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0], cells[1..].iter().map(|cell| Said::of(cell)).collect())
    });
    rows.collect()
}

/// The damaged streams of a kind of damage, each of which a row holds for.
fn made(sandbox: &Sandbox, damage: &str) -> Vec<Vec<u8>> {
    let stream = sandbox.read("a.sv2");
    let len = stream.len();
    let (trailer, copy) = (len - 128, len - 128 - 32 - 8 * 32 - 1024);
    let flipped = |offset: usize| {
        let mut bytes = stream.clone();
        bytes[offset] ^= 1;
        bytes
    };
    let other = || {
        seal(sandbox, "b.sv2");
        let other = sandbox.read("b.sv2");
        std::fs::remove_file(sandbox.path("b.sv2")).unwrap();
        other
    };
    let spliced = |range: std::ops::Range<usize>, bytes: &[u8]| {
        let mut out = stream.clone();
        out.splice(range, bytes.iter().copied());
        out
    };
    match damage {
        "none" => vec![stream.clone()],
        "a byte of a frame" => vec![flipped(frame(3, 1) + 100)],
        "the checksum of a frame" => vec![flipped(frame(3, 2) - 1)],
        "the checksum of the trailer" => vec![flipped(len - 1)],
        "the checksum of the front header, or of its copy" => {
            vec![flipped(1023), flipped(copy + 1023)]
        }
        "a segment header" => vec![flipped(frame(2, 0) - 60), flipped(frame(2, 0) - 1)],
        "a footer" => vec![flipped(frame(3, 0) - 64 - 1)],
        "the front header, or its copy" => vec![flipped(100), flipped(copy + 100)],
        "the front header is that of another stream" => {
            vec![spliced(0..1024, &other()[..1024])]
        }
        "a page of the index, or the page table" => {
            vec![flipped(trailer - 32 - 20), flipped(trailer - 1)]
        }
        "the end is missing" => {
            [1, 100, 2000, len - frame(5, 1)].map(|cut| stream[..len - cut].to_vec()).to_vec()
        }
        "bytes are missing in the middle, or came in" => vec![
            spliced(frame(3, 1)..frame(3, 1) + 77, b""),
            spliced(frame(3, 1)..frame(5, 2), b""),
            spliced(frame(3, 1)..frame(3, 1), &[b'x'; 512]),
        ],
        "a part of the front header is missing" => vec![stream[500..].to_vec()],
        "the front is missing" => {
            vec![stream[frame(0, 1) + 100..].to_vec(), stream[frame(1, 1) + 7..].to_vec()]
        }
        "something follows the end" | "something follows the end, with `--trailing ignore`" => {
            let tails: [&[u8]; 3] = [&[0; 3000], &[0; 1 << 20], b"\n\n"];
            tails.map(|tail| [&stream[..], tail].concat()).to_vec()
        }
        "another stream stands in front of it" => vec![[&other()[..], &stream].concat()],
        "a forged frame under a right checksum" => {
            let place = frame(2, 0)..frame(2, 1);
            vec![spliced(place.clone(), &other()[place])]
        }
        "metadata that do not open" => {
            let sizes = ["--frame-size", "256", "--segment-size", "1K", "-K", "key"];
            let encrypt = [&["encrypt", "plain", "-o", "m.sv2", "--name"], &sizes[..]].concat();
            sandbox.good(&encrypt);
            let mut bytes = sandbox.read("m.sv2");
            std::fs::remove_file(sandbox.path("m.sv2")).unwrap();
            for at in [0, copy] {
                let header = &mut bytes[at..at + 1024];
                header[96 + 40] ^= 1;
                reseal_header(&[7; 32], b"", header);
            }
            vec![bytes]
        }
        "no stream at all" => vec![b"SQLite format 3\0".to_vec(), Vec::new(), vec![0; 4096]],
        other => panic!("docs/damage.md has a damage that no test makes: {other}"),
    }
}

#[test]
fn every_command_says_of_every_damage_what_the_table_has() {
    let rows = rows();
    assert!(rows.len() > 15, "the table was not found");
    let commands: [&[&str]; 5] = [
        &["verify"],
        &["verify", "-K", "key"],
        &["decrypt", "-K", "key", "-o", "out"],
        &["cat", "-K", "key", "-o", "out"],
        &["decrypt", "--salvage", "-K", "key", "-o", "out"],
    ];
    let mut wrong = Vec::new();
    for (damage, cells) in &rows {
        assert_eq!(cells.len(), commands.len(), "{damage}");
        let sandbox = with_stream();
        for (variant, stream) in made(&sandbox, damage).into_iter().enumerate() {
            for (command, said) in commands.iter().zip(cells) {
                sandbox.write("bad.sv2", &stream);
                let trailing: &[&str] = match damage.contains("--trailing ignore") {
                    true => &["--trailing", "ignore"],
                    false => &[],
                };
                let ended = sandbox.run(&[command, trailing, &["bad.sv2"]].concat());
                let told = format!("{}{}", String::from_utf8_lossy(&ended.stdout), ended.stderr);
                let is_said = said.words.iter().all(|word| told.contains(word));
                if ended.code != said.code || !is_said {
                    wrong.push(format!(
                        "{damage} ({variant}), {command:?}: not {} {:?} but {} {told}",
                        said.code, said.words, ended.code
                    ));
                }
                // A salvage is the last resort, and says where the list is of what is lost.
                let is_partial = command.contains(&"--salvage") && ended.code == 5;
                if ended.code != 0 && !told.contains("hint: ") && !is_partial {
                    wrong.push(format!("{damage} ({variant}), {command:?}: no hint: {told}"));
                }
                let is_whole = ended.code == 0 && command.contains(&"out");
                if is_whole && sandbox.read("out") != sandbox.read("plain") {
                    wrong.push(format!("{damage} ({variant}), {command:?}: other plaintext"));
                }
                // What is no salvage leaves nothing behind, and a salvage leaves its list.
                let left = sandbox.names().iter().any(|name| name == "out");
                let salvages = command.contains(&"--salvage") && [0, 5].contains(&ended.code);
                if left != (is_whole || salvages) {
                    wrong.push(format!("{damage} ({variant}), {command:?}: left {left}"));
                }
                for name in ["out", "out.lost.json"] {
                    let _ = std::fs::remove_file(sandbox.path(name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same bytes, the same file left and the same exit code, whatever the ends are.
#[test]
fn an_unsealed_read_is_the_same_from_and_to_files_and_pipes() {
    let sandbox = with_stream();
    for damage in [
        "a byte of a frame",
        "a forged frame under a right checksum",
        "a page of the index, or the page table",
        "the end is missing",
        "bytes are missing in the middle, or came in",
        "something follows the end",
    ] {
        for stream in made(&sandbox, damage) {
            sandbox.write("bad.sv2", &stream);
            let unsealed = ["decrypt", "-K", "key", "--unsealed", "-o"];
            let file = sandbox.run(&[&unsealed[..], &["from-file", "bad.sv2"]].concat());
            let piped = sandbox.fed(&[&unsealed[..], &["from-pipe"]].concat(), &stream);
            let to_stdout = sandbox.run(&[&unsealed[..], &["-", "bad.sv2"]].concat());
            let through = sandbox.fed(&[&unsealed[..], &["-"]].concat(), &stream);
            let bytes = sandbox.read("from-file");
            assert!(sandbox.read("plain").starts_with(&bytes), "{damage}");
            assert!(!bytes.is_empty() && bytes.len().is_multiple_of(64), "{damage}");
            for (ended, got) in [
                (&piped, sandbox.read("from-pipe")),
                (&to_stdout, to_stdout.stdout.clone()),
                (&through, through.stdout.clone()),
            ] {
                assert_eq!((ended.code, got.len()), (file.code, bytes.len()), "{damage}");
                assert!(got == bytes, "{damage}");
                let said = |text: &str| {
                    text.split_once(": ")
                        .unwrap()
                        .1
                        .lines()
                        .next()
                        .unwrap()
                        .split_once(": ")
                        .unwrap()
                        .1
                        .to_owned()
                };
                assert_eq!(said(&ended.stderr), said(&file.stderr), "{damage}");
            }
            for name in ["from-file", "from-pipe"] {
                std::fs::remove_file(sandbox.path(name)).unwrap();
            }
        }
    }
}

/// A stream that lost its front header is read by the copy, and that is said once.
#[test]
fn a_decrypt_by_the_copy_of_the_header_says_so() {
    let sandbox = crate::bad_streams::with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream[100] ^= 1;
    sandbox.write("front.sv2", &stream);
    let told = "sv2: front.sv2: the header at the front is damaged, so its copy at the end was \
                used\nhint: see what can be put back: sv2 repair -n front.sv2\n";
    for more in [&[][..], &["--sparse"], &["--resume"]] {
        let decrypt = ["decrypt", "-K", "key", "-f", "-o", "out", "front.sv2"];
        let ended = sandbox.good(&[&decrypt[..], more].concat());
        assert_eq!(ended.stderr, told, "{more:?}");
        assert_eq!(sandbox.read("out"), sandbox.read("plain"));
        std::fs::remove_file(sandbox.path("out")).unwrap();
    }
    let sound = sandbox.good(&["decrypt", "-K", "key", "-o", "out", "a.sv2"]);
    assert_eq!(sound.stderr, "");
}
