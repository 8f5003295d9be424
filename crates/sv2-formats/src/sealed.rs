//! A file that was encrypted with small frames, and which of them were read.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sv2_core::{
    DecryptOptions, EncryptOptions, FetchPolicy, Geometry, InputSource, KeySource, OutputSink,
    ReadAt, ReaderOptions, StreamError, StreamKey, StreamLayout, StreamReader, encrypt_stream_v2,
    inspect,
};

/// Bytes of a segment header, of a footer without a digest, and those that a frame has beside its
/// plaintext.
const SEGMENT_HEADER_LEN: u64 = 64;
const SEGMENT_FOOTER_LEN: u64 = 8;
const FRAME_OVERHEAD: u64 = 32;
const FRAME_HEADER_LEN: u64 = 8;

/// A file, encrypted in memory.
pub struct Sealed {
    stream: Arc<Vec<u8>>,
    key: StreamKey,
}

/// The frames of a stream of which at least a byte was read.
#[derive(Clone)]
pub struct Touched {
    stream: Arc<Vec<u8>>,
    layout: StreamLayout,
    /// Where the segments end.
    tail: u64,
    frames: Arc<Mutex<BTreeSet<u64>>>,
}

impl Sealed {
    /// Encrypts a file in frames of 1 KiB and segments of 8.
    ///
    /// # Errors
    /// Those of [`encrypt_stream_v2`].
    pub fn new(plaintext: &[u8]) -> Result<Self, StreamError> {
        let key = StreamKey::generate()?;
        let mut options = EncryptOptions::standard();
        options.geometry = Geometry::new(10, 3)
            .map_err(|_| StreamError::Usage("a geometry that the format does not have"))?;
        let mut stream = Vec::new();
        let output = OutputSink::Memory(&mut stream);
        encrypt_stream_v2(InputSource::Memory(plaintext), output, &key, &options)?;
        Ok(Self { stream: Arc::new(stream), key })
    }

    /// The same stream with a bit of one byte of its plaintext flipped in the ciphertext (format.md
    /// section 2.4).
    ///
    /// # Errors
    /// Those of [`inspect`].
    ///
    /// # Panics
    /// Where there is no such byte.
    pub fn damaged_at(&self, offset: u64) -> Result<Self, StreamError> {
        let layout = inspect(InputSource::Memory(&self.stream))?.layout;
        let frame_size = u64::from(layout.geometry.frame_size());
        let (segment, inner) =
            (offset / layout.geometry.segment_size(), offset % layout.geometry.segment_size());
        let frame = inner / frame_size;
        let at = u64::from(layout.header_len)
            + segment * layout.full_segment_len()
            + SEGMENT_HEADER_LEN
            + frame * (frame_size + FRAME_OVERHEAD)
            + FRAME_HEADER_LEN
            + inner % frame_size;
        let mut stream = self.stream.to_vec();
        stream[at as usize] ^= 1;
        let key = StreamKey::from_bytes(*self.key.expose());
        Ok(Self { stream: Arc::new(stream), key })
    }

    /// Opens the stream for many threads, and counts from then on.
    ///
    /// # Errors
    /// Those of [`StreamReader::open`].
    pub fn open(&self) -> Result<(Arc<StreamReader<'static>>, Touched), StreamError> {
        let seen = inspect(InputSource::Memory(&self.stream))?;
        let trailer = seen.trailer.ok_or(StreamError::Unsealed { segments: 0 })?;
        let touched = Touched {
            stream: Arc::clone(&self.stream),
            layout: seen.layout,
            tail: seen.layout.tail_offset(trailer.plaintext_len),
            frames: Arc::default(),
        };
        let source = InputSource::ReadAt(Box::new(touched.clone()));
        let key = KeySource::Key(&self.key);
        // Nothing is fetched only because it lies between.
        let exact = ReaderOptions::standard().fetch(FetchPolicy::standard().join_gap(0));
        let reader = StreamReader::open_with(source, &key, &DecryptOptions::standard(), &exact)?;
        touched.frames.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok((Arc::new(reader), touched))
    }
}

impl Touched {
    /// Frames of the whole stream.
    #[must_use]
    pub fn total(&self) -> u64 {
        let segments = self.tail - u64::from(self.layout.header_len);
        let full = self.layout.full_segment_len();
        let geometry = self.layout.geometry;
        let frames = geometry.segment_size() / u64::from(geometry.frame_size());
        let rest = (segments % full).saturating_sub(SEGMENT_HEADER_LEN + SEGMENT_FOOTER_LEN);
        segments / full * frames + rest.div_ceil(u64::from(geometry.frame_size()) + FRAME_OVERHEAD)
    }

    /// How many frames were read in part or whole.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// The frame that holds this byte of the stream, counted from the front; bytes that belong to
    /// no frame count for none (format.md section 2.4).
    fn frame_of(&self, offset: u64) -> Option<u64> {
        let geometry = self.layout.geometry;
        let frame_len = u64::from(geometry.frame_size()) + FRAME_OVERHEAD;
        let frames = geometry.segment_size() / u64::from(geometry.frame_size());
        let body = offset.checked_sub(self.layout.header_len.into())?;
        let segment = body / self.layout.full_segment_len();
        let inner = (body % self.layout.full_segment_len()).checked_sub(SEGMENT_HEADER_LEN)?;
        (inner / frame_len < frames).then(|| segment * frames + inner / frame_len)
    }
}

impl ReadAt for Touched {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = ReadAt::read_at(&*self.stream, buffer, offset)?;
        let end = (offset + count as u64).min(self.tail);
        // Steps shorter than any frame, and the last byte.
        let places = (offset..end).step_by(FRAME_OVERHEAD as usize).chain(end.checked_sub(1));
        let read = places.filter(|&at| at >= offset).filter_map(|at| self.frame_of(at));
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).extend(read);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        self.stream.len()
    }
}
