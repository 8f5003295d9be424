//! Whole streams: the engine against the reference, faults at both ends, and what callers choose.

mod adapters;
mod cancellation;
mod differential;
mod fault_points;
mod faults;
mod flips;
mod harness;
mod headers;
mod hesitant;
mod inputs;
mod memory;
mod messages;
mod metadata;
mod object;
mod options;
mod outcome;
mod outputs;
mod parts;
mod pipes;
mod releases;
mod requests;
mod slots;
mod structure;
