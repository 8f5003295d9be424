//! The holes of a sparse file, which cost its maker nothing and must cost a reader as little.

use crate::io::PositionedInput;

/// Where a source holds bytes; everything between is zeros that nobody wrote.
pub(crate) struct Holes {
    /// Ends and starts of data, in order; `None` where the source is not known to have holes.
    data: Option<Vec<(u64, u64)>>,
    len: u64,
}

impl Holes {
    /// Asks the file system; a source that is no sparse file has no holes.
    pub(crate) fn of(source: &PositionedInput<'_>) -> Self {
        let len = source.len();
        let PositionedInput::File { file, base, .. } = source else {
            return Self { data: None, len };
        };
        Self { data: data_of(file, *base, len), len }
    }

    /// Where the last byte ends that was ever written.
    pub(crate) fn end_of_data(&self) -> u64 {
        match &self.data {
            Some(data) => data.last().map_or(0, |&(_, end)| end),
            None => self.len,
        }
    }

    /// The end of the hole that `offset` lies in, or `offset` where there are bytes.
    pub(crate) fn end_of_hole(&self, offset: u64) -> u64 {
        let Some(data) = &self.data else { return offset };
        let next = data.partition_point(|&(_, end)| end <= offset);
        match data.get(next) {
            Some(&(start, _)) => start.max(offset),
            None => self.len.max(offset),
        }
    }
}

/// The extents of a sparse file from `base` on; asked once, since each question moves the file's
/// position, which is put back.
#[cfg(target_os = "linux")]
fn data_of(file: &std::fs::File, base: u64, len: u64) -> Option<Vec<(u64, u64)>> {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{SeekFrom, seek, tell};

    let metadata = file.metadata().ok()?;
    if metadata.blocks().saturating_mul(512) >= metadata.len() {
        return None;
    }
    let stood = tell(file).ok()?;
    let mut data = Vec::new();
    let mut at = base;
    let end = base + len;
    let whole = loop {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole is left.
            Err(rustix::io::Errno::NXIO) => break true,
            Err(_) => break false,
        };
        let Ok(stop) = seek(file, SeekFrom::Hole(start)) else { break false };
        if start >= end || stop <= start {
            break true;
        }
        data.push((start - base, stop.min(end) - base));
        at = stop;
    };
    let restored = seek(file, SeekFrom::Start(stood)).is_ok();
    (whole && restored).then_some(data)
}

#[cfg(not(target_os = "linux"))]
fn data_of(_: &std::fs::File, _: u64, _: u64) -> Option<Vec<(u64, u64)>> {
    None
}
