//! What is said of a stream that somebody wrote to while it was read: that it changed, and never that
//! it was forged or damaged.
//!
//! A change in place writes over the tail and the headers that a reader may hold, so that what it
//! reads next belongs to no version. Nobody is kept from changing a stream by whoever reads it.

use sv2_headers::TRAILER_LEN;
use sv2_stream::OpenedStream;

use crate::StreamError;
use crate::io::PositionedInput;

/// Puts `InputChanged` in the place of an error about the bytes of a source that did change since it
/// was opened: by what its storage says, or by the trailer of the stream that was opened.
pub(crate) fn or_changed<T>(
    source: &PositionedInput<'_>,
    opened: Option<&OpenedStream>,
    result: Result<T, StreamError>,
) -> Result<T, StreamError> {
    result.map_err(|error| unless_changed(source, opened, error))
}

/// As [`or_changed`], of an error alone.
pub(crate) fn unless_changed(
    source: &PositionedInput<'_>,
    opened: Option<&OpenedStream>,
    error: StreamError,
) -> StreamError {
    match is_about_bytes(&error) && has_changed(source, opened) {
        true => StreamError::InputChanged { offset: error.offset().unwrap_or(0) },
        false => error,
    }
}

/// Whether a source is another one than when it was opened.
pub(crate) fn has_changed(source: &PositionedInput<'_>, opened: Option<&OpenedStream>) -> bool {
    // Other recipients leave the content as it was, and are a change of what was read all the same.
    let is_other = |opened: &OpenedStream| {
        trailer_now(source, opened).is_some_and(|now| now != opened.trailer_bytes)
    };
    source.has_changed() || opened.is_some_and(is_other)
}

/// Whether length or content of a source are others than those of the stream that was opened
/// (F-824).
pub(crate) fn is_replaced(source: &PositionedInput<'_>, opened: &OpenedStream) -> bool {
    match source.current_len() {
        Ok(len) if len == source.len() => {
            trailer_now(source, opened).is_some_and(|trailer| opened.is_replaced_by(len, &trailer))
        }
        Ok(_) => true,
        Err(_) => false,
    }
}

/// What stands where the trailer of the opened stream stood.
fn trailer_now(source: &PositionedInput<'_>, opened: &OpenedStream) -> Option<[u8; TRAILER_LEN]> {
    let mut trailer = [0; TRAILER_LEN];
    source.read_exact_at(&mut trailer, opened.trailer_range().start).ok().map(|()| trailer)
}

/// Whether an error is a verdict over the bytes of a stream. What a key did not open or a pin does
/// not name is none: it is so of either version.
fn is_about_bytes(error: &StreamError) -> bool {
    let is_pin = matches!(error, StreamError::WrongFingerprint | StreamError::StaleIndex);
    // A source that became shorter.
    let is_short = error.io().is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof);
    is_short || !is_pin && error.kind().is_about_bytes()
}
