//! The program as its users meet it: run as a process, in a home folder of its own.

mod appending;
mod bad_streams;
mod batches;
mod damage;
#[cfg(target_os = "linux")]
mod devices;
#[cfg(target_os = "linux")]
mod doors;
mod ends;
mod folders;
mod hostile_parity;
mod hostile_parts;
mod identity;
mod interrupts;
mod keys;
mod labels;
mod leading;
mod locks;
mod looking;
mod mending;
mod names;
mod parts;
mod protecting;
mod ranges;
mod recipients;
mod resuming;
mod salvaging;
mod sandbox;
#[cfg(target_os = "linux")]
mod secrecy;
#[cfg(target_os = "linux")]
mod secrets;
mod several;
mod strace;
mod terminal;
mod texts;
mod verifying;
#[cfg(target_os = "linux")]
mod world;
