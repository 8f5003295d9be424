//! A zip archive: its directory is at the end, and its members anywhere.

use std::io::{Read, Write};
use std::sync::Arc;

use sv2_formats::{Cursor, Sealed};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::noise;

const MEMBERS: u64 = 40;

fn name(member: u64) -> String {
    format!("folder/member {member}")
}

/// Even members are text, and deflated; odd ones are noise, and stored.
fn content(member: u64) -> Vec<u8> {
    let len = 20_000 + 700 * member as usize;
    match member % 2 {
        0 => {
            format!("line {member} of many\n").into_bytes().into_iter().cycle().take(len).collect()
        }
        _ => noise(member, len),
    }
}

fn archive() -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for member in 0..MEMBERS {
        let method = match member % 2 {
            0 => CompressionMethod::Deflated,
            _ => CompressionMethod::Stored,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(name(member), options).expect("a member");
        writer.write_all(&content(member)).expect("its content");
    }
    writer.finish().expect("an archive").into_inner()
}

/// F-822, F-823
#[test]
fn members_of_an_archive_are_read_by_several_threads_and_nothing_else_is_opened() {
    let plaintext = archive();
    let sealed = Sealed::new(&plaintext).expect("a stream");
    let (stream, touched) = sealed.open().expect("a sealed stream");
    assert_eq!(touched.total(), plaintext.len().div_ceil(1024) as u64);

    let wanted = [3, 38, 17, 16];
    std::thread::scope(|scope| {
        for member in wanted {
            let cursor = Cursor::new(Arc::clone(&stream));
            scope.spawn(move || {
                let mut archive = ZipArchive::new(cursor).expect("an archive");
                assert_eq!(archive.len() as u64, MEMBERS);
                let mut found = Vec::new();
                let mut file = archive.by_name(&name(member)).expect("a member");
                file.read_to_end(&mut found).expect("its content");
                assert!(found == content(member), "member {member}");
            });
        }
    });
    let of_members: u64 = wanted.iter().map(|&member| content(member).len() as u64 / 1024).sum();
    let few = touched.count();
    assert!(few < of_members + 30 && few < touched.total() / 4, "{few} of {}", touched.total());

    let mut archive = ZipArchive::new(Cursor::new(stream)).expect("an archive");
    for member in 0..MEMBERS {
        let mut found = Vec::new();
        let mut file = archive.by_name(&name(member)).expect("a member");
        file.read_to_end(&mut found).expect("its content");
        assert!(found == content(member), "member {member}");
    }
    assert_eq!(touched.count(), touched.total());
}

#[test]
fn a_member_in_a_damaged_frame_fails_and_the_others_are_read() {
    let file = archive();
    let (first, last) = (content(1), content(39));
    let at = file.windows(64).position(|found| found == &first[9000..9064]).expect("a member");
    let sealed = Sealed::new(&file).and_then(|sealed| sealed.damaged_at(at as u64));
    let (stream, _) = sealed.expect("a stream").open().expect("a sealed stream");
    let mut archive = ZipArchive::new(Cursor::new(stream)).expect("an archive");
    let mut read = |member| {
        let mut found = Vec::new();
        archive.by_name(&name(member)).expect("a member").read_to_end(&mut found).map(|_| found)
    };
    let refused = read(1).expect_err("a damaged frame").to_string();
    assert!(refused.contains("checksum of frame"), "{refused}");
    assert!(read(39).expect("a sound member") == last);
}
