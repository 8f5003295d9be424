//! Key slots of the `stream_v2` format, sections 3 and 8 of `docs/format.md`.
//!
#![doc = include_str!("../README.md")]
// Without a feature its types have no values.
#![cfg_attr(
    not(all(feature = "plugin", feature = "ssh")),
    allow(dead_code, unreachable_code, reason = "what is left out of the build is never there")
)]

mod base64;
mod default_identity;
mod describe;
mod error;
mod file;
mod identity;
mod memory;
mod open;
mod passphrase;
mod plugin;
mod prompt;
mod raw_key;
mod recipient;
mod seal;
mod ssh;

pub use default_identity::{
    DefaultIdentity, GeneratedIdentity, default_identity_path, generate_identity,
    load_or_create_default_identity, load_or_create_identity, write_identity_file,
};
pub use describe::{SlotContent, SlotInfo, StanzaKind, describe_slots};
pub use error::{KeyFileError, KeyTextFault, KeysError, NoKeyFits, PassphraseError};
pub use file::read_bounded as read_secret;
pub use identity::{IDENTITY_FILE_MAX_LOG_N, Identity, parse_identities, read_identity_file};
pub use open::{MAX_LOG_N, OpenedSlot, PassphraseSource, READER_MAX_LOG_N, SlotOpener};
pub use passphrase::{Passphrase, read_passphrase, read_passphrase_file};
pub use prompt::{NoPrompt, PassphrasePurpose, Prompt};
pub use raw_key::{parse_key, read_key_file, write_key_file};
pub use recipient::{Recipient, parse_recipients, read_recipients_file};
pub use seal::{SlotMixing, WRITER_LOG_N, check_writer_rules, seal_passphrase_slot, seal_slot};
