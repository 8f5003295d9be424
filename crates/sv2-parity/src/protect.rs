//! Making a parity file (parity.md section 7).

use std::sync::atomic::AtomicU64;

use crate::source::{len_of, read_exact, write_to};
use crate::table::{Table, table_len};
use crate::total::Total;
use crate::{
    Area, Directory, Geometry, Identity, ParityError, Part, Request, Source, Target, Work, code,
    identify, sidecar, work,
};

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// What the parity file says of itself.
    pub directory: Directory,
    /// Its length in bytes.
    pub parity_len: u64,
    /// Threads that worked.
    pub threads: usize,
    /// Memory that they held at most, in bytes.
    pub memory: u64,
}

/// Writes to `target`, which is empty, the parity file of all of `source`, which is read once.
///
/// # Errors
/// `Read`, `Write`, `Cancelled`, and `Changed` where the file became shorter or was sealed anew
/// meanwhile; `target` is of no use then.
pub fn protect(
    source: &dyn Source,
    target: &dyn Target,
    request: Request,
    work: &Work<'_>,
) -> Result<Protected, ParityError> {
    let len = len_of(source, Part::Data)?;
    let areas = area_for(0, len, request).into_iter().collect();
    protect_with(source, target, request, areas, work)
}

/// As [`protect`], in areas of the caller's.
///
/// # Errors
/// As [`protect`], and `Usage` where the areas do not cover the file.
pub fn protect_with(
    source: &dyn Source,
    target: &dyn Target,
    request: Request,
    areas: Vec<Area>,
    work: &Work<'_>,
) -> Result<Protected, ParityError> {
    let file_len = len_of(source, Part::Data)?;
    let trailer = identify(source)?;
    let identity = match trailer {
        Some(trailer) => Identity::Stream { trailer },
        None => Identity::Other,
    };
    let mut directory = Directory { identity, file_len, crc: 0, request, areas };
    let covered =
        directory.areas.iter().try_fold(0, |at, area| (area.start() == at).then_some(area.end()));
    let parity_len = directory.file_len_of_parity().filter(|_| covered == Some(file_len));
    let parity_len = parity_len.ok_or(ParityError::Usage("the areas do not cover the file"))?;

    let sum = AtomicU64::new(0);
    for (number, body) in directory.bodies().into_iter().enumerate() {
        let area = directory.areas[number];
        let total = Total::new(&area, file_len, &sum);
        let init = || Encoder::new(area);
        work::run(work.threads_for(&[area]), area.windows(), init, |encoder, window| {
            encoder.read(source, window, &mut |_, _| Ok(()))?;
            total.add(encoder.table(), window);
            encoder.write(target, body, window)?;
            work.tell(encoder.bytes_read())
        })?;
    }
    if len_of(source, Part::Data)? != file_len || identify(source)? != trailer {
        return Err(ParityError::Changed);
    }
    directory.crc = sum.into_inner();
    finish(target, &directory)?;
    let (threads, memory) = (work.threads_for(&directory.areas), work.memory(&directory.areas));
    Ok(Protected { directory, parity_len, threads, memory })
}

/// The area of `start..end` that a writer makes; `None` of no bytes.
pub(crate) fn area_for(start: u64, end: u64, request: Request) -> Option<Area> {
    if start >= end {
        return None;
    }
    let (geometry, blocks) = Geometry::choose(end - start, request);
    Area::new(start, end, blocks, geometry)
}

/// Writes both copies of the directory and brings all to stable storage.
pub(crate) fn finish(target: &dyn Target, directory: &Directory) -> Result<(), ParityError> {
    let bytes = directory.encode();
    let len = directory.file_len_of_parity().unwrap_or(u64::MAX);
    write_to(target, Part::Parity, &bytes, len - bytes.len() as u64)?;
    write_to(target, Part::Parity, &bytes, 0)?;
    target.sync().map_err(|source| ParityError::Write { part: Part::Parity, offset: 0, source })
}

/// One window after another: read, encoded, written.
pub(crate) struct Encoder {
    area: Area,
    data: Vec<u8>,
    /// The table, and behind it the parity blocks.
    record: Vec<u8>,
    table: Table,
    /// Bytes of the file in this window.
    read: u64,
}

impl Encoder {
    pub(crate) fn new(area: Area) -> Self {
        let geometry = area.geometry();
        let data_len = usize::from(geometry.data()) * geometry.block_len();
        Self {
            area,
            data: vec![0; data_len],
            record: vec![0; table_len(geometry) + area.parity_len()],
            table: Table::new(geometry),
            read: 0,
        }
    }

    /// Reads a window, and shows each block to `judge` with its number and checksum.
    pub(crate) fn read(
        &mut self,
        source: &dyn Source,
        window: u64,
        judge: &mut dyn FnMut(u16, u64) -> Result<(), ParityError>,
    ) -> Result<(), ParityError> {
        let block_len = self.area.geometry().block_len();
        self.table = Table::new(self.area.geometry());
        self.read = 0;
        let mut end = 0;
        for piece in self.area.pieces(window) {
            let start = piece.index * block_len;
            // Numbers of a window without a block are zeros: those of runs that are missing.
            self.data[end..start].fill(0);
            end = (piece.index + piece.count) * block_len;
            let buffer = &mut self.data[start..end];
            buffer[piece.len()..].fill(0);
            read_exact(source, Part::Data, &mut buffer[..piece.len()], piece.range.start)?;
            for (i, block) in buffer[..piece.len()].chunks(block_len).enumerate() {
                let crc = sv2_crc::crc64(block);
                self.table.crcs[piece.index + i] = crc;
                // Below the number of data blocks of a window, so it fits.
                judge((piece.index + i) as u16, crc)?;
            }
            self.read += piece.len() as u64;
        }
        self.data[end..].fill(0);
        Ok(())
    }

    /// Computes the parity of the window that was read and writes its record and its second table.
    pub(crate) fn write(
        &mut self,
        target: &dyn Target,
        body: u64,
        window: u64,
    ) -> Result<(), ParityError> {
        let geometry = self.area.geometry();
        let head = table_len(geometry);
        code::encode(geometry, &self.data, &mut self.record[head..]);
        let parity = self.record[head..].chunks(geometry.block_len());
        for (place, block) in self.table.crcs[geometry.data().into()..].iter_mut().zip(parity) {
            *place = sv2_crc::crc64(block);
        }
        let table = self.table.encode(&self.area, window);
        self.record[..head].copy_from_slice(&table);
        let [first, second] = sidecar::table_places(&self.area, window);
        write_to(target, Part::Parity, &self.record, body + first)?;
        write_to(target, Part::Parity, &table, body + second)
    }

    /// The checksums of the window that was read last.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// Bytes of the file in the window that was read last.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read
    }
}
