//! What is asked of lengths and offsets alone (format.md section 2).

use serde_json::{Value, json};
use sv2_core::{DigestAlg, Geometry, StreamLayout};

use crate::answer::{Answer, Failed, members, refused};
use crate::request::Request;

pub(crate) fn layout(request: &Request<'_>) -> Result<Answer, Failed> {
    let small = |name: &str| Ok::<u8, Failed>(u8::try_from(request.number(name)?)?);
    let layout = StreamLayout {
        geometry: Geometry::new(small("frame_log2")?, small("frames_log2")?)?,
        digest: DigestAlg::from_id(small("digest")?)?,
        header_len: u32::try_from(request.number("header_len")?)?,
    };
    let plaintext_len = match request.0.get("stream_len") {
        None => request.number("plaintext_len")?,
        Some(_) => match layout.plaintext_len(request.number("stream_len")?) {
            Some(len) => len,
            None => return Ok(refused("ImpossibleLength")),
        },
    };
    let Some(stream_len) = layout.stream_len(plaintext_len) else { return Ok(refused("Limit")) };
    let segments = layout.geometry.segment_count(plaintext_len);
    let index = layout.index_offset(plaintext_len);
    let entry_len = 32 + layout.digest.len() as u64;
    let mut answer = members(json!({
        "ok": true,
        "plaintext_len": plaintext_len,
        "stream_len": stream_len,
        "segments": segments,
        "frames": plaintext_len.div_ceil(layout.geometry.frame_size().into()),
        "pages": segments.div_ceil(1024),
        "tail": layout.tail_offset(plaintext_len),
        "index": index,
        "page_table": index + segments * entry_len,
        "trailer": stream_len - 128,
    }));
    if request.0.get("at").is_some() {
        let at = layout.position(request.number("at")?);
        let byte = u64::from(at.offset);
        let place = json!({
            "segment": at.segment.0,
            "frame": at.frame.0,
            "byte": byte,
            "wire_offset": layout.frame_offset(at.segment, at.frame) + 8 + byte,
        });
        answer.insert("place".to_owned(), place);
    }
    if request.0.get("wire_at").is_some() {
        let place = wire_place(&layout, plaintext_len, request.number("wire_at")?)?;
        answer.insert("wire_place".to_owned(), place);
    }
    Ok(answer)
}

/// The part of a stream that holds a wire offset (section 2.4).
fn wire_place(layout: &StreamLayout, plaintext_len: u64, at: u64) -> Result<Value, Failed> {
    let segments = layout.geometry.segment_count(plaintext_len);
    let index = layout.index_offset(plaintext_len);
    let page_table = index + segments * (32 + layout.digest.len() as u64);
    let tail = layout.tail_offset(plaintext_len);
    let trailer = page_table + 32 * segments.div_ceil(1024);
    let h = u64::from(layout.header_len);
    for (part, start, end) in [
        ("header", 0, h),
        ("header copy", tail, index),
        ("index", index, page_table),
        ("page table", page_table, trailer),
        ("trailer", trailer, trailer + 128),
    ] {
        if (start..end).contains(&at) {
            return Ok(json!({"part": part, "byte": at - start}));
        }
    }
    let full = layout.full_segment_len();
    let (number, y) = ((at - h) / full, (at - h) % full);
    let segment = layout
        .segment_layout(plaintext_len, sv2_framing::SegmentIndex(number))
        .ok_or("an offset behind the stream")?;
    if y < 64 {
        return Ok(json!({"part": "segment header", "byte": y, "segment": number}));
    }
    let footer = segment.footer().start as u64;
    if y >= footer {
        return Ok(json!({"part": "footer", "byte": y - footer, "segment": number}));
    }
    let frame = (y - 64) / (u64::from(segment.frame_size()) + 32);
    let index = sv2_framing::FrameIndex(u16::try_from(frame)?);
    let (record, slot) = (segment.frame(index), segment.plaintext_slot(index));
    let [start, text, tag, end] =
        [record.start, slot.start, slot.end, slot.end + 16].map(|at| at as u64);
    let (part, from) = match y {
        y if y < text => ("frame header", start),
        y if y < tag => ("plaintext", text),
        y if y < end => ("tag", tag),
        _ => ("frame crc", end),
    };
    let mut place = json!({"part": part, "byte": y - from, "segment": number, "frame": frame});
    if part == "plaintext" {
        let before = number * layout.geometry.segment_size()
            + frame * u64::from(layout.geometry.frame_size());
        place["offset"] = json!(before + y - from);
    }
    Ok(place)
}
