//! Keys that plugins of age hold, programs named `age-plugin-..` (feature `plugin`).
//!
//! Without the feature the types are there and have no values, no program is ever started, and a
//! key is refused with the reason.

#[cfg(not(feature = "plugin"))]
mod absent;
#[cfg(feature = "plugin")]
mod program;

#[cfg(not(feature = "plugin"))]
pub(crate) use absent::{
    Identity, Recipient, identity_of, recipient_of, with_identity, with_recipient,
};
#[cfg(feature = "plugin")]
pub(crate) use program::{
    Identity, Recipient, identity_of, recipient_of, with_identity, with_recipient,
};
