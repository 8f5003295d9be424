//! Whole streams without IO: what is asked for, in which order it may come, and what follows.

#![expect(clippy::single_range_in_vec_init, reason = "a list of ranges may hold one")]

mod damaged;
mod jobs;
mod opening;
mod orders;
mod parts;
mod ranges;
mod sealing;
mod support;
mod vectors;
