//! Where the key of a stream comes from.

pub(crate) use sv2_stream::KeyRing;
pub use sv2_stream::KeySource;
