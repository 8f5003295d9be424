//! Parallel, seekable, authenticated streaming encryption: the stream_v2 facade
