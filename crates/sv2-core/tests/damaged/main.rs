//! Reading ranges, scrubbing, verifying and salvaging: streams in which some bytes are wrong.

mod changing;
mod listing;
mod order;
mod random;
mod salvage;
mod scrub;
mod support;
