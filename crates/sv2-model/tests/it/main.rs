//! Small jobs of the pipeline under many schedules, each compared with a plain loop.
//!
//! `SV2_MODEL_TIMES` multiplies the number of schedules. A schedule in which no thread can go on
//! is a deadlock, which the model checker reports with the schedule that led to it.

mod explore;
mod jobs;
mod ordered;
mod positional;
mod service;
