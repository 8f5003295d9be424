//! A part of a file or a device, which is read at any offset.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use sv2_core::ReadAt;

/// What stands from `base` on in a file or device.
pub(super) struct Part {
    file: File,
    base: u64,
    len: u64,
}

impl Part {
    /// Everything from where the file stands, which does not move; a device tells its length only
    /// to who seeks its end.
    pub(super) fn rest(mut file: File) -> io::Result<Self> {
        let base = file.stream_position()?;
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(base))?;
        Ok(Self { file, base, len: end.saturating_sub(base) })
    }

    /// The same up to a length.
    pub(super) fn up_to(self, len: u64) -> Self {
        Self { len: self.len.min(len), ..self }
    }

    /// Bytes of it.
    pub(super) fn len(&self) -> u64 {
        self.len
    }
}

impl ReadAt for Part {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // At most the buffer, so it fits.
        let count = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        FileExt::read_at(&self.file, &mut buffer[..count], self.base + offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }
}
