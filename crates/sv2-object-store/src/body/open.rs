//! Opening an object whose length is not known: both its ends in one round trip.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::{try_join, try_join_all};
use sv2_stream::{Depth, KeyRing, Opening, OpeningOptions, Step};

use super::fault::Stop;
use super::object_store;
use super::opened::{Opened, OpenedKey};
use super::request::{Pin, body, wrong_answer};
use super::{Shared, Sv2Store};
use object_store::path::Path;
use object_store::{Attributes, Error, GetOptions, GetRange, ObjectMeta, ObjectStore};

use crate::{ObjectError, ObjectFault, task};

/// Bytes of the front that are asked for at least.
const FRONT_LEN: u64 = 4 << 10;
/// Bytes of the end: the whole tail of some gigabytes of plaintext in standard geometry.
const SUFFIX_LEN: u64 = 64 << 10;

/// Bytes of an object, and where they are in it.
pub(super) type Piece = (u64, Bytes);

/// Both ends of an object.
struct Ends {
    meta: ObjectMeta,
    attributes: Attributes,
    pieces: Vec<Piece>,
}

/// An object that was opened just now, with the bytes that came with it.
pub(super) struct Fresh {
    pub(super) opened: Arc<Opened>,
    pieces: Vec<Piece>,
}

impl Fresh {
    /// These bytes of the object, where they are among those that came.
    pub(super) fn held(&self, range: &Range<u64>) -> Option<Bytes> {
        self.pieces.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
            (to <= bytes.len()).then(|| bytes.slice(from..to))
        })
    }
}

impl<T: ObjectStore> Sv2Store<T> {
    /// Opens the object that a request names, under the request's conditions, and keeps it open.
    pub(super) async fn open(&self, location: &Path, options: &GetOptions) -> Result<Fresh, Stop> {
        let ends = self.ends(location, options).await?;
        let pin = Pin::new(ends.meta, options.version.clone());
        let path = location.to_string();
        let stream = |error| Stop::stream(path.clone(), error);
        let mut opening_options = OpeningOptions::standard().depth(Depth::PageTable);
        opening_options.front_len = self.front_len();
        opening_options.suffix_len = Some(SUFFIX_LEN);
        let mut opening = Opening::new(pin.meta.size, opening_options);
        for (start, bytes) in &ends.pieces {
            opening.supply(*start, bytes);
        }
        loop {
            match opening.step().map_err(stream)? {
                Step::Bytes(ranges) => {
                    let fetches: Vec<_> =
                        ranges.iter().map(|range| self.pin_fetch(&pin, location, range)).collect();
                    for (range, bytes) in ranges.iter().zip(try_join_all(fetches).await?) {
                        opening.supply(range.start, &bytes);
                    }
                }
                Step::Key(_) => {
                    let (shared, path) = (self.shared.clone(), path.clone());
                    opening = task::start(move || shared.supply_key(&path, opening)).await?;
                }
                _ => break,
            }
        }
        let opened = opening.finish().map_err(stream)?;
        self.shared.check_profile(&path, opened.layout)?;
        let opened = Arc::new(Opened::new(opened, pin, ends.attributes));
        self.shared.opened.insert(OpenedKey::of(location, options), opened.clone());
        Ok(Fresh { opened, pieces: ends.pieces })
    }

    async fn pin_fetch(
        &self,
        pin: &Pin,
        location: &Path,
        range: &Range<u64>,
    ) -> Result<Bytes, Stop> {
        pin.fetch(&*self.inner, location, range.clone()).await
    }

    /// At least the whole header, so that it never costs a round trip of its own.
    pub(super) fn front_len(&self) -> u64 {
        FRONT_LEN.max(self.shared.layout.header_len.into())
    }

    /// Both ends, without knowing the length.
    async fn ends(&self, location: &Path, options: &GetOptions) -> Result<Ends, Stop> {
        let ask = |range| {
            let request = GetOptions { range: Some(range), ..options.clone() };
            self.inner.get_opts(location, request)
        };
        let front = ask(GetRange::Bounded(0..self.front_len()));
        let (front, suffix) = match try_join(front, ask(GetRange::Suffix(SUFFIX_LEN))).await {
            Ok(answers) => answers,
            // A store without ranges of the end, or an object without bytes.
            Err(Error::NotSupported { .. } | Error::Generic { .. }) => {
                return self.ends_by_length(location, options).await;
            }
            Err(error) => return Err(error.into()),
        };
        let (meta, attributes) = (suffix.meta.clone(), suffix.attributes.clone());
        if !Pin::new(meta.clone(), None).is_of(&front.meta) {
            return Err(Stop::replaced(location.to_string()));
        }
        let front_range = 0..self.front_len().min(meta.size);
        let suffix_range = meta.size.saturating_sub(SUFFIX_LEN)..meta.size;
        for (answer, range) in [(&front, &front_range), (&suffix, &suffix_range)] {
            if answer.range != *range {
                let found = answer.range.end.saturating_sub(answer.range.start);
                return Err(wrong_answer(location, range, found).into());
            }
        }
        let (front, suffix) =
            try_join(body(location, front, &front_range), body(location, suffix, &suffix_range))
                .await?;
        let pieces = vec![(suffix_range.start, suffix), (0, front)];
        Ok(Ends { meta, attributes, pieces })
    }

    /// Both ends of an object whose length is asked for first.
    async fn ends_by_length(&self, location: &Path, options: &GetOptions) -> Result<Ends, Stop> {
        let request = GetOptions { range: None, head: true, ..options.clone() };
        let head = self.inner.get_opts(location, request).await?;
        let (meta, attributes) = (head.meta, head.attributes);
        // There is no range to ask for; what else is too short shows what it is by its bytes.
        if meta.size == 0 {
            let fault = ObjectFault::Foreign { len: meta.size };
            return Err(Stop::Foreign(ObjectError::new(location.to_string(), fault)));
        }
        let pin = Pin::new(meta.clone(), options.version.clone());
        let front = 0..self.front_len().min(meta.size);
        let suffix = meta.size.saturating_sub(SUFFIX_LEN)..meta.size;
        let fetches = [&suffix, &front].map(|range| self.pin_fetch(&pin, location, range));
        let fetched = try_join_all(fetches).await?;
        let pieces = [suffix.start, front.start].into_iter().zip(fetched).collect();
        Ok(Ends { meta, attributes, pieces })
    }
}

impl Shared {
    /// Answers the question of an opening for its key.
    fn supply_key(&self, path: &str, mut opening: Opening) -> Result<Opening, Stop> {
        let stream = |error| Stop::stream(path, error);
        let key = self
            .keys
            .read_key(path)
            .map_err(|error| ObjectError::new(path, ObjectFault::Key(error)))?;
        let source = key.source();
        let max = OpeningOptions::standard().max_segment_size;
        let mut ring = KeyRing::new(&source, &self.options.context, max);
        // Both header and header copy may ask.
        while let Step::Key(header) = opening.step().map_err(stream)? {
            let keys = ring.root_keys(header);
            opening.supply_keys(keys).map_err(stream)?;
        }
        Ok(opening)
    }

    /// A stream of another profile is one whose size lists get wrong.
    pub(super) fn check_profile(
        &self,
        path: &str,
        found: sv2_core::StreamLayout,
    ) -> Result<(), ObjectError> {
        let what = match self.layout {
            own if own.geometry != found.geometry => "its frames or segments have other sizes",
            own if own.digest != found.digest => "it has another digest",
            own if own.header_len != found.header_len => "its header has another length",
            _ => return Ok(()),
        };
        Err(ObjectError::new(path, ObjectFault::OtherProfile { what }))
    }
}
