//! Lengths and offsets without a stream, far beyond 4 GiB, both ways (section 2).

use serde_json::{Map, Value, json};

use super::model::{Body, LayoutRow, Vector};
use crate::reference::Layout;

/// One vector for each geometry.
pub(super) fn vectors() -> Vec<Vector> {
    let layout = |frame_log2, frames_log2, digest, header_len| Layout {
        frame_log2,
        frames_log2,
        digest,
        header_len,
    };
    [
        ("default", layout(16, 6, 0, 1024)),
        ("default-with-digests", layout(16, 6, 1, 4096)),
        ("smallest", layout(8, 0, 0, 256)),
        ("smallest-with-digests", layout(8, 0, 2, 256)),
        ("largest-segment", layout(20, 10, 0, 65_536)),
        ("most-frames", layout(10, 14, 1, 65_536)),
    ]
    .into_iter()
    .map(|(name, layout)| Vector {
        name: format!("layout-{name}"),
        layer: "layout",
        scenario: format!(
            "Lengths and places: frames of 2^{}, 2^{} to a segment, digest {}, header_len {}.",
            layout.frame_log2, layout.frames_log2, layout.digest, layout.header_len
        ),
        body: Body::Layout(rows(&layout)),
    })
    .collect()
}

fn rows(layout: &Layout) -> Vec<LayoutRow> {
    let (f, s, most) = (layout.frame_size(), layout.segment_size(), layout.max_plaintext_len());
    let mut lens = vec![0, 1, f - 1, f, f + 1, s - 1, s, s + 1, 2 * s, 3 * s + 1];
    lens.extend([1024 * s - 1, 1024 * s, 1024 * s + 1, 65_537 * s + 5]);
    lens.extend([(1 << 32) - 1, 1 << 32, (1 << 32) + 1, 1 << 40, most - 1, most]);
    lens.retain(|len| *len <= most);
    lens.sort_unstable();
    lens.dedup();

    let mut rows = Vec::new();
    for &len in &lens {
        let answer = lengths(layout, len);
        rows.push(row(layout, &[("plaintext_len", len)], Ok(answer.clone())));
        rows.push(row(layout, &[("stream_len", layout.stream_len(len))], Ok(answer)));
        for at in [0, len / 3, len.saturating_sub(1)].into_iter().filter(|at| *at < len) {
            let answer = Map::from_iter([("place".to_owned(), place(layout, at))]);
            rows.push(row(layout, &[("plaintext_len", len), ("at", at)], Ok(answer)));
        }
        let end = layout.stream_len(len);
        for wire_at in wire_offsets(layout, len).into_iter().filter(|at| *at < end) {
            let answer = wire_place(layout, len, wire_at);
            let answer = Map::from_iter([("wire_place".to_owned(), answer)]);
            let request = [("plaintext_len", len), ("wire_at", wire_at)];
            rows.push(row(layout, &request, Ok(answer)));
        }
    }
    for stream_len in impossible(layout, &lens) {
        rows.push(row(layout, &[("stream_len", stream_len)], Err("ImpossibleLength")));
    }
    for len in [most + 1, 1 << 63, u64::MAX] {
        rows.push(row(layout, &[("plaintext_len", len)], Err("Limit")));
    }
    rows
}

fn row(
    layout: &Layout,
    more: &[(&'static str, u64)],
    answer: Result<Map<String, Value>, &'static str>,
) -> LayoutRow {
    let mut request = vec![
        ("frame_log2", layout.frame_log2.into()),
        ("frames_log2", layout.frames_log2.into()),
        ("digest", layout.digest.into()),
        ("header_len", layout.header_len.into()),
    ];
    request.extend(more);
    LayoutRow { request, answer }
}

fn lengths(layout: &Layout, len: u64) -> Map<String, Value> {
    let segments = layout.segment_count(len);
    let members = [
        ("plaintext_len", len),
        ("stream_len", layout.stream_len(len)),
        ("segments", segments),
        ("frames", len.div_ceil(layout.frame_size())),
        ("pages", segments.div_ceil(1024)),
        ("tail", layout.tail_offset(len)),
        ("index", layout.index_offset(len)),
        ("page_table", layout.page_table_offset(len)),
        ("trailer", layout.trailer_offset(len)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn place(layout: &Layout, at: u64) -> Value {
    let (segment, within) = (at / layout.segment_size(), at % layout.segment_size());
    let (frame, byte) = (within / layout.frame_size(), within % layout.frame_size());
    let wire_offset = layout.frame_offset(segment, frame) + 8 + byte;
    json!({"segment": segment, "frame": frame, "byte": byte, "wire_offset": wire_offset})
}

/// Wire offsets at the borders of all parts.
fn wire_offsets(layout: &Layout, len: u64) -> Vec<u64> {
    let h = u64::from(layout.header_len);
    let tail = layout.tail_offset(len);
    let mut offsets = vec![0, h - 1, tail, tail + h - 1, layout.trailer_offset(len)];
    offsets.extend([layout.index_offset(len), layout.page_table_offset(len)]);
    offsets.push(layout.stream_len(len) - 1);
    if len > 0 {
        let last = layout.segment_count(len) - 1;
        for (segment, frame) in [(0, 0), (last, 0)] {
            let start = layout.frame_offset(segment, frame);
            let p = layout.segment_plaintext_len(len, segment);
            let l = layout.frame_plaintext_len(p, frame);
            offsets.extend([start - 64, start - 1, start, start + 7, start + 8]);
            offsets.extend([start + 7 + l, start + 8 + l, start + 24 + l, start + 31 + l]);
            let end = layout.segment_offset(segment) + layout.segment_len(p);
            offsets.extend([end - layout.digest_len() - 8, end - 1]);
        }
    }
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// The part of the stream that holds a wire offset.
fn wire_place(layout: &Layout, len: u64, at: u64) -> Value {
    let parts = [
        ("trailer", layout.trailer_offset(len)),
        ("page table", layout.page_table_offset(len)),
        ("index", layout.index_offset(len)),
        ("header copy", layout.tail_offset(len)),
    ];
    for (part, start) in parts {
        if at >= start {
            return json!({"part": part, "byte": at - start});
        }
    }
    let h = u64::from(layout.header_len);
    if at < h {
        return json!({"part": "header", "byte": at});
    }
    let full = layout.segment_len(layout.segment_size());
    let (segment, within) = ((at - h) / full, (at - h) % full);
    let p = layout.segment_plaintext_len(len, segment);
    let frames_end = 64 + layout.frames_len(p);
    if within < 64 {
        return json!({"part": "segment header", "byte": within, "segment": segment});
    }
    if within >= frames_end {
        return json!({"part": "footer", "byte": within - frames_end, "segment": segment});
    }
    let frame = (within - 64) / (layout.frame_size() + 32);
    let byte = (within - 64) % (layout.frame_size() + 32);
    let l = layout.frame_plaintext_len(p, frame);
    let (part, start) = match byte {
        0..8 => ("frame header", 0),
        _ if byte < 8 + l => ("plaintext", 8),
        _ if byte < 24 + l => ("tag", 8 + l),
        _ => ("frame crc", 24 + l),
    };
    let mut place = json!({"part": part, "byte": byte - start, "segment": segment, "frame": frame});
    if part == "plaintext" {
        let offset = segment * layout.segment_size() + frame * layout.frame_size() + byte - 8;
        place["offset"] = json!(offset);
    }
    place
}

/// Stream lengths next to those of honest streams that no plaintext has.
fn impossible(layout: &Layout, lens: &[u64]) -> Vec<u64> {
    let shortest = layout.stream_len(0);
    let mut lengths = vec![0, 1, 127, 128, shortest - 1, u64::MAX];
    lengths.push(layout.stream_len(layout.max_plaintext_len()) + 1);
    for len in lens {
        let end = layout.stream_len(*len);
        lengths.extend([end + 1, end + 32, end.saturating_sub(1), end.saturating_sub(32)]);
        lengths.extend([end + 104 + 2 * layout.digest_len(), end + 32 + 104]);
    }
    lengths.retain(|len| layout.plaintext_len(*len).is_none());
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}
