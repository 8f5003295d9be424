//! Reading ranges, scrubbing, verifying and salvaging: streams in which some bytes are wrong.

mod random;
mod salvage;
mod scrub;
mod support;
