//! What the keys, ciphers, hashes and salts of the format are held to.

#[path = "../../../sv2-headers/tests/it/appendix.rs"]
mod appendix;

mod cipher;
mod hashes;
mod messages;
mod random;
mod schedule;
