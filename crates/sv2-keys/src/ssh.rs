//! SSH keys as identities and recipients, through the age library (feature `ssh`).
//!
//! Without the feature the types are there and have no values, so that whoever matches on them
//! compiles in both builds, and a key is refused with the reason.

#[cfg(not(feature = "ssh"))]
mod absent;
#[cfg(feature = "ssh")]
mod keys;

#[cfg(not(feature = "ssh"))]
pub(crate) use absent::{Identity, LockedKey, Recipient, as_age, private_key, public_key};
#[cfg(feature = "ssh")]
pub(crate) use keys::{Identity, LockedKey, Recipient, as_age, private_key, public_key};

/// A private key as its file has it.
pub(crate) enum PrivateKey {
    Open(Box<Identity>),
    Locked(Box<LockedKey>),
}
