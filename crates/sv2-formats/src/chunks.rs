//! A stream as the Parquet library reads files.

use std::io::BufReader;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use sv2_core::StreamReader;

use crate::Cursor;

/// The plaintext of a stream in chunks.
#[derive(Clone)]
pub struct Chunks(pub Arc<StreamReader<'static>>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(Cursor::at(Arc::clone(&self.0), start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // The footer says how long its parts are, so the stream's own length is the bound.
        let left = self.0.len().saturating_sub(start);
        if length as u64 > left {
            return Err(ParquetError::EOF(format!("{length} bytes at {start}")));
        }
        let mut bytes = vec![0; length];
        let read = self.0.read_at(&mut bytes, start);
        read.map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(bytes.into())
    }
}
