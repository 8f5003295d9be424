//! Sizes on the command line: plain bytes, or K, M and G for powers of 1024.

use sv2_core::Geometry;

use crate::failure::Failure;

const FRAME_SIZES: (u64, u64) = (256, 1 << 20);
const MAX_SEGMENT_SIZE: u64 = 1 << 30;
const MAX_FRAMES: u64 = 1 << 14;

/// Reads a size such as `4096`, `64K`, `4MiB` or `1g`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err("a size is a number of bytes, or one with K, M or G behind it".into()),
    };
    let number: u64 =
        digits.parse().map_err(|_| "a size is a whole number of bytes, K, M or G".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "this size is too large".into())
}

/// Reads the length of a header.
pub(crate) fn parse_header(text: &str) -> Result<u32, String> {
    let size = parse(text)?;
    match u32::try_from(size) {
        Ok(len) if (256..=64 << 10).contains(&len) && len.is_multiple_of(64) => Ok(len),
        _ => Err("a header has a multiple of 64 bytes, from 256 to 64K".into()),
    }
}

/// The geometry of a new stream; what is not given follows from what is.
pub(crate) fn geometry(frame: Option<u64>, segment: Option<u64>) -> Result<Geometry, Failure> {
    let standard = Geometry::STANDARD;
    let (least, most) = FRAME_SIZES;
    // Without a size for frames every segment that some frame fits into can be had.
    if let (Some(segment), None) = (segment, frame) {
        check("--segment-size", segment, least, MAX_SEGMENT_SIZE)?;
    }
    let frame_size =
        frame.unwrap_or_else(|| segment.unwrap_or(u64::MAX).min(u64::from(standard.frame_size())));
    let segment_size = segment.unwrap_or_else(|| standard.segment_size());
    check("--frame-size", frame_size, least, most)?;
    let most = MAX_SEGMENT_SIZE.min(frame_size * MAX_FRAMES);
    check("--segment-size", segment_size, frame_size, most)?;
    Geometry::from_sizes(frame_size, segment_size)
        .map_err(|error| Failure::usage(format!("these sizes cannot be used: {error}")))
}

fn check(option: &str, size: u64, least: u64, most: u64) -> Result<(), Failure> {
    if size.is_power_of_two() && (least..=most).contains(&size) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{option} is {size} bytes, but must be a power of two from {} to {} here",
        short(least),
        short(most)
    )))
}

/// A size as the command line takes it.
pub(crate) fn short(size: u64) -> String {
    for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] {
        if size >= 1 << shift && size.is_multiple_of(1 << shift) {
            return format!("{}{unit}", size >> shift);
        }
    }
    size.to_string()
}

/// A number of things.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// A size for people, with three digits or so.
pub(crate) fn readable(size: u64) -> String {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if size >= 1 << shift {
            return format!("{:.1} {unit}", size as f64 / (1u64 << shift) as f64);
        }
    }
    format!("{size} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_powers_of_1024() {
        for (text, size) in
            [("0", 0), ("4096", 4096), ("64K", 65536), ("4m", 4 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse(text), Ok(size), "{text}");
        }
        for bad in ["", "K", "1.5M", "-1", "4T", "1 K", "18446744073709551615G"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn geometry_follows_from_what_is_given() {
        let sizes = |frame, segment| {
            geometry(frame, segment).map(|g| (g.frame_size(), g.segment_size())).ok()
        };
        assert_eq!(sizes(None, None), Some((65536, 4 << 20)));
        assert_eq!(sizes(None, Some(4096)), Some((4096, 4096)));
        assert_eq!(sizes(Some(256), None), Some((256, 4 << 20)));
        assert_eq!(sizes(Some(1 << 20), Some(1 << 30)), Some((1 << 20, 1 << 30)));
        for (frame, segment) in [
            (Some(255), None),
            (Some(128), None),
            (Some(2 << 20), None),
            (None, Some(3 << 20)),
            (None, Some(2 << 30)),
            (Some(65536), Some(4096)),
            (Some(256), Some(8 << 20)),
        ] {
            assert_eq!(sizes(frame, segment), None, "{frame:?} {segment:?}");
        }
    }
}
