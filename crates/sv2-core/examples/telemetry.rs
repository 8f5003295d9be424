//! What an observer is told, as events of `tracing`: each segment with its times and its thread,
//! and the failure of a call with what it had done.
//!
//! The engine knows nothing of `tracing`; five lines of an observer are all there is to it.
//! A program has a subscriber of its own; the one below prints events, so that the example needs
//! no other crate.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;

use sv2_core::{
    DecryptOptions, EncryptOptions, Geometry, InputSource, OutputSink, Progress, RunOptions,
    StreamError, StreamKey, decrypt_stream_v2, encrypt_stream_v2,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Options whose observer sends what it is told to `tracing`, under the name of a stream.
fn traced(stream: &'static str) -> RunOptions {
    RunOptions::automatic().observer(move |progress: Progress| {
        let Progress { done, total, segment, stages, thread, failed, .. } = progress;
        match failed {
            None => tracing::debug!(stream, segment, done, total, ?stages, ?thread, "segment"),
            Some(kind) => tracing::error!(stream, done, ?kind, ?stages, "failed"),
        }
    })
}

fn main() -> Result<(), StreamError> {
    // The only failure is a second subscriber.
    let _ = tracing::subscriber::set_global_default(Printed);
    let key = StreamKey::generate()?;
    let plaintext = vec![7; 200_000];
    let options = EncryptOptions::standard().run(traced("written"));
    let options = options.geometry(Geometry::new(14, 2).unwrap_or(Geometry::STANDARD));
    let mut wire = Vec::new();
    let output = OutputSink::Memory(&mut wire);
    encrypt_stream_v2(InputSource::Memory(&plaintext), output, &key, &options)?;

    // A flipped bit in the third segment: two segments, and then what went wrong.
    wire[150_000] ^= 1;
    let options = DecryptOptions::standard().run(traced("read").threads(1));
    let input = InputSource::Reader(Box::new(&wire[..]));
    let read = decrypt_stream_v2(input, OutputSink::Memory(&mut Vec::new()), &key, &options);
    tracing::info!(error = %read.expect_err("a damaged stream"), "as expected");
    Ok(())
}

/// Prints events, a line each.
struct Printed;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Printed {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        let _ = writeln!(std::io::stdout(), "{}", line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
