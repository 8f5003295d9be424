//! The stream header, as sv2-stream makes and judges it.

pub(crate) use sv2_stream::{HeaderStart, KeyedHeader, NewHeader, check_slots, room_of, signed_in};

use crate::EncryptOptions;

/// What these options say of a new stream's header.
pub(crate) fn new_header(options: &EncryptOptions) -> NewHeader<'_> {
    NewHeader {
        suite: options.suite,
        digest: options.digest,
        geometry: options.geometry,
        context: &options.context,
        slots: &options.slots,
        metadata: options.metadata.as_deref(),
        header_len: options.header_len,
    }
}
