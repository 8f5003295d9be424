//! What the bytes of header, trailer and index are held to.

mod appendix;

mod age_files;
mod geometry;
mod header;
mod index;
mod messages;
mod order;
mod sections;
mod support;
mod trailer;
mod worked_example;
