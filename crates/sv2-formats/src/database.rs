//! Streams as a file system of SQLite, for reading alone.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlite_vfs::wip::{WalIndex, WalIndexLock};
use sqlite_vfs::{DatabaseHandle, LockKind, OpenKind, OpenOptions, RegisterError, Vfs, register};
use sv2_core::StreamReader;

/// Serves the database in `stream` to SQLite under the name `vfs`; any file name opens it.
///
/// # Errors
/// Whatever SQLite says to the name.
pub fn serve_database(vfs: &str, stream: Arc<StreamReader<'static>>) -> Result<(), RegisterError> {
    register(vfs, Served { stream, names: AtomicU64::new(0) }, false)
}

struct Served {
    stream: Arc<StreamReader<'static>>,
    names: AtomicU64,
}

impl Vfs for Served {
    type Handle = Handle;

    fn open(&self, _: &str, options: OpenOptions) -> io::Result<Handle> {
        if options.kind != OpenKind::MainDb {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Handle { stream: Arc::clone(&self.stream), lock: LockKind::None })
    }

    fn delete(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        Ok(!name.ends_with("-journal") && !name.ends_with("-wal"))
    }

    fn temporary_name(&self) -> String {
        format!("temporary-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    fn random(&self, buffer: &mut [i8]) {
        // Names of files that are never made.
        buffer.fill(7);
    }

    fn sleep(&self, _: Duration) -> Duration {
        Duration::ZERO
    }
}

/// The stream as one connection has it open.
struct Handle {
    stream: Arc<StreamReader<'static>>,
    lock: LockKind,
}

impl DatabaseHandle for Handle {
    type WalIndex = NoWal;

    fn size(&self) -> io::Result<u64> {
        Ok(self.stream.len())
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let count = self.stream.read_at(buffer, offset).map_err(io::Error::other)?;
        if count == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn write_all_at(&mut self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync(&mut self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn lock(&mut self, lock: LockKind) -> io::Result<bool> {
        self.lock = lock;
        Ok(true)
    }

    fn reserved(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn current_lock(&self) -> io::Result<LockKind> {
        Ok(self.lock)
    }

    fn wal_index(&self, _: bool) -> io::Result<NoWal> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A sealed stream has no write-ahead log.
enum NoWal {}

impl WalIndex for NoWal {
    fn enabled() -> bool {
        false
    }

    fn map(&mut self, _: u32) -> io::Result<[u8; 32768]> {
        match *self {}
    }

    fn lock(&mut self, _: Range<u8>, _: WalIndexLock) -> io::Result<bool> {
        match *self {}
    }

    fn delete(self) -> io::Result<()> {
        match self {}
    }
}
