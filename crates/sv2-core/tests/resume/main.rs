//! Calls that are interrupted at any point and continued by a later one.

mod decrypt;
mod encrypt;
mod journal;
mod kept;
mod options;
mod planted;
mod support;
