//! Reading ranges, scrubbing, verifying and salvaging: streams in which some bytes are wrong.

mod changing;
mod followed;
mod listing;
mod mending;
mod oracle;
mod order;
mod piped;
mod random;
mod salvage;
mod score;
mod scrub;
mod support;
