//! Files that are non-blocking, as the standard streams of some programs are: reads and writes of
//! them wait.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use crate::system::{self, Ready};

/// A file whose reads and writes wait for the other side, whatever mode it is in.
#[derive(Debug)]
pub struct Waiting(pub File);

impl Waiting {
    /// Repeats `act` until it does not say that it would have to wait.
    fn until_ready<T>(
        &mut self,
        ready: Ready,
        mut act: impl FnMut(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match act(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    system::wait_until_ready(&self.0, ready)?;
                }
                done => return done,
            }
        }
    }
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until_ready(Ready::Read, |file| file.read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.until_ready(Ready::Read, |file| file.read_vectored(buffers))
    }
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.until_ready(Ready::Write, |file| file.write(bytes))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.until_ready(Ready::Write, |file| file.write_vectored(buffers))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn non_blocking_ends_wait_for_each_other() {
        let (one, other) = UnixStream::pair().unwrap();
        for end in [&one, &other] {
            end.set_nonblocking(true).unwrap();
        }
        let [mut reader, mut writer] =
            [one, other].map(|end| Waiting(File::from(OwnedFd::from(end))));
        // More than the buffers between them hold.
        let sent: Vec<u8> = (0..1_u32 << 22).map(|number| number as u8).collect();
        let expected = sent.clone();
        let writing = std::thread::spawn(move || writer.write_all(&sent));
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        writing.join().unwrap().unwrap();
        assert!(received == expected);
    }
}
