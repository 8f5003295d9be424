//! Whole streams against the known key, from memory and as from a pipe.

use crate::{KEY, Verdict, split};
use std::num::NonZeroUsize;
use sv2_core::{
    DecryptOptions, Driver, InputSource, OutputSink, StreamError, StreamKey, Tail,
    decrypt_stream_v2,
};
use sv2_headers::{TRAILER_LEN, peek_header_len};
use sv2_testkit::paint;
use sv2_testkit::reference::forge;

/// Decrypts a stream both ways.
///
/// The selector's low bit makes commitment, MAC, seal and checksums right first, as a hostile holder
/// of the key can; the next bit allows the tail to be missing.
/// The verdict is that of the seekable reader.
///
/// # Panics
///
/// Where plaintext is released that was not sealed, where a failed call leaves plaintext in memory,
/// or where a pipe yields a sealed stream that memory does not.
pub fn stream_decrypt(data: &[u8]) -> Verdict {
    let Some((selector, stream)) = split(data) else { return Verdict::Refused };
    let mut stream = stream.to_vec();
    if selector & 1 != 0 {
        reseal(&mut stream);
    }
    let tail = if selector & 2 == 0 { Tail::Required } else { Tail::MayBeMissing };

    let mut seekable = Vec::new();
    let sought = decrypt(InputSource::Memory(&stream), OutputSink::Memory(&mut seekable), tail);
    let mut released = Vec::new();
    let reader = InputSource::Reader(Box::new(stream.as_slice()));
    let piped = decrypt(reader, OutputSink::Writer(Box::new(&mut released)), tail);

    assert_eq!(paint::first_unpainted(0, &seekable), None);
    assert_eq!(paint::first_unpainted(0, &released), None);
    if sought.is_err() {
        assert!(seekable.is_empty(), "a failed call leaves its vector empty");
    }
    if piped.is_ok() && tail == Tail::Required {
        assert!(sought.is_ok(), "a pipe accepts what memory refuses: {sought:?}");
        assert_eq!(released, seekable);
    }
    Verdict::of(&sought)
}

fn decrypt(input: InputSource<'_>, output: OutputSink<'_>, tail: Tail) -> Result<(), StreamError> {
    let mut options = DecryptOptions::standard();
    options.tail = tail;
    options.run.threads = Some(NonZeroUsize::MIN);
    options.run.driver = Some(Driver::Inline);
    decrypt_stream_v2(input, output, &StreamKey::from_bytes(KEY), &options).map(|_| ())
}

/// Makes everything right that the holder of the key can make right without sealing a frame.
pub(crate) fn reseal(stream: &mut [u8]) {
    let Some(header_len) = peek_header_len(stream).map(|len| len as usize) else { return };
    let Some((header, rest)) = stream.split_at_mut_checked(header_len) else { return };
    forge::reseal_header(&KEY, &[], header);
    if let Some(trailer) = rest.last_chunk_mut::<TRAILER_LEN>() {
        forge::reseal_trailer(&KEY, &[], header, trailer);
    }
}
