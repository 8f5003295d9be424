//! Changing sealed streams in place: what a change does, and what is left when it is cut off at
//! any point (format.md section 11, local-files.md section 1).

mod append;
mod beside;
mod crash;
mod disk;
mod faults;
mod objects;
mod planted;
mod power;
mod record;
mod rewrap;
mod support;
mod unsealed;
