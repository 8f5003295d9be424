//! The tables: every flip and cut of a small stream, lying lengths, reserved bits, and lengths
//! without a stream.

use sv2_core::{
    DecryptOptions, DigestAlg, Driver, Geometry, InputSource, OutputSink, StreamKey, StreamLayout,
    decrypt_stream_v2,
};
use sv2_testkit::mutate::flip;
use sv2_testkit::vectors::requests::patched;
use sv2_testkit::vectors::{Body, Ends, Named, Table, Vector};

use crate::expect::ends_as;
use crate::family;
use crate::names::unit_name;
use crate::ways::Ways;

/// Of this many changed streams one is read by threads, and the others inline.
const THREADED: usize = 13;

/// Reads changed streams as a pipe and as memory.
struct Player<'a> {
    name: &'a str,
    table: &'a Table,
    ways: Ways,
    played: usize,
}

impl<'a> Player<'a> {
    fn new(vector: &'a Vector) -> Self {
        let Body::Table(table) = &vector.body else { panic!("{} is no table", vector.name) };
        Self { name: &vector.name, table, ways: Ways::new(), played: 0 }
    }

    fn play(&mut self, what: &str, stream: &[u8], ends: &Ends) {
        let base = &self.table.base;
        let key = StreamKey::from_bytes(base.key);
        self.played += 1;
        let driver =
            if self.played.is_multiple_of(THREADED) { Driver::Ordered } else { Driver::Inline };
        for (is_pipe, verdict, len) in [
            (true, &ends.pipe, ends.pipe_released),
            (false, &ends.seekable, ends.seekable_released),
        ] {
            let (run, way) = self.ways.next(driver);
            let mut options = DecryptOptions::standard();
            options.context.clone_from(&base.context);
            options.run = run;
            let input = if is_pipe {
                InputSource::Reader(Box::new(stream))
            } else {
                InputSource::Memory(stream)
            };
            let mut released = Vec::new();
            let output = OutputSink::Writer(Box::new(&mut released));
            let done = decrypt_stream_v2(input, output, &key, &options);
            let way = format!("{what}, pipe {is_pipe}, {way}");
            ends_as(self.name, &way, &done, verdict);
            assert!(released == base.plaintext[..len as usize], "{}, {way}", self.name);
        }
    }

    fn scrub(&mut self, what: &str, stream: &[u8], expected: Named) {
        let (run, way) = self.ways.next(Driver::Positional);
        let map = sv2_core::scrub(InputSource::Memory(stream), &run);
        let map = map.unwrap_or_else(|error| panic!("{}, {what}, {way}: {error}", self.name));
        let listed = map.damages.iter().any(|damage| {
            let (unit, segment, frame) = unit_name(&damage.unit);
            (Some(unit), segment, frame) == (expected.unit, expected.segment, expected.frame)
        });
        assert!(listed, "{}, {what}: {expected} is not in {:?}", self.name, map.damages);
    }
}

/// F-810, F-814, F-832, F-905: section 8.8, bit by bit.
#[test]
fn every_flip_and_every_cut_of_a_small_stream_ends_as_the_table_says() {
    for vector in family("tables") {
        let mut player = Player::new(&vector);
        let table = player.table;
        let base = &table.base.stream;
        let mut bits = 0;
        for row in &table.flips {
            for at in row.start..row.end {
                for bit in (0..8).filter(|bit| row.bits & (1 << bit) != 0) {
                    let what = format!("byte {at} bit {bit}");
                    player.play(&what, &flip(base, at as usize, 1 << bit), &row.ends);
                    bits += 1;
                }
                let mask = row.bits & row.bits.wrapping_neg();
                let what = format!("scrub of byte {at}");
                player.scrub(&what, &flip(base, at as usize, mask), row.scrub);
            }
        }
        assert_eq!(bits, 8 * base.len(), "each bit has one row");
        let mut cuts = 0;
        for row in &table.cuts {
            for len in row.start..row.end {
                player.play(&format!("cut to {len}"), &base[..len as usize], &row.ends);
                cuts += 1;
            }
        }
        assert_eq!(cuts, base.len(), "each prefix has one row");
    }
}

/// F-104, F-305, F-505, F-513, F-707, F-802.
#[test]
fn lying_lengths_and_reserved_bits_are_refused() {
    let mut played = 0;
    for vector in family("lengths") {
        let mut player = Player::new(&vector);
        let table = player.table;
        for row in &table.patches {
            let stream = patched(&table.base.stream, &row.patches);
            player.play(&row.name, &stream, &row.ends);
        }
        played += player.played;
    }
    assert!(played > 400, "{played}");
}

/// F-204, F-211, F-212, both ways and beyond 4 GiB.
#[test]
fn lengths_and_places_are_those_of_section_2() {
    let mut checked = 0;
    for vector in family("layouts") {
        let Body::Layout(rows) = &vector.body else { panic!("{} has rows", vector.name) };
        for row in rows {
            let get = |name: &str| {
                row.request.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
            };
            let small = |name: &str| get(name).expect("a geometry has four numbers") as u8;
            let layout = StreamLayout {
                geometry: Geometry::new(small("frame_log2"), small("frames_log2"))
                    .expect("a legal geometry"),
                digest: DigestAlg::from_id(small("digest")).expect("a known digest"),
                header_len: get("header_len").expect("a geometry has four numbers") as u32,
            };
            let len = match (get("stream_len"), get("plaintext_len")) {
                (Some(stream_len), _) => layout.plaintext_len(stream_len),
                (None, len) => len.filter(|len| layout.stream_len(*len).is_some()),
            };
            checked += 1;
            let (Some(len), Ok(answer)) = (len, &row.answer) else {
                assert_eq!(len, None, "{} {:?}", vector.name, row.request);
                assert!(row.answer.is_err(), "{} {:?}", vector.name, row.request);
                continue;
            };
            let number = |name: &str| answer.get(name).and_then(|value| value.as_u64());
            for (name, found) in [
                ("plaintext_len", Some(len)),
                ("stream_len", layout.stream_len(len)),
                ("segments", Some(layout.geometry.segment_count(len))),
                ("tail", Some(layout.tail_offset(len))),
                ("index", Some(layout.index_offset(len))),
            ] {
                let expected = number(name);
                assert!(expected.is_none() || expected == found, "{name} {:?}", row.request);
            }
            if let (Some(at), Some(place)) = (get("at"), answer.get("place")) {
                let position = layout.position(at);
                let byte = u64::from(position.offset);
                let wire = layout.frame_offset(position.segment, position.frame) + 8 + byte;
                let found = [position.segment.0, u64::from(position.frame.0), byte, wire];
                let names = ["segment", "frame", "byte", "wire_offset"];
                assert_eq!(names.map(|name| place[name].as_u64()), found.map(Some));
            }
        }
    }
    assert!(checked > 1000, "{checked}");
}
