//! What a new stream is like, as arguments: its suite, sizes and sealed metadata.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use sv2_core::{DigestAlg, EncryptOptions, Suite};

use crate::attributes::Attributes;
use crate::ends::Input;
use crate::failure::Failure;
use crate::names::printable;
use crate::size;

/// What the new stream is like, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stream")]
pub(crate) struct StreamArgs {
    /// The cipher
    #[arg(long, value_enum, default_value_t = SuiteName::Aes256Gcm)]
    suite: SuiteName,
    /// The digest of each segment, for anyone who signs or compares fingerprints
    #[arg(long, value_enum, default_value_t = DigestName::None)]
    digest: DigestName,
    /// Plaintext bytes in a frame, the unit of random access: a power of two, 256 to 1M; by default
    /// 64K, or the segment's size where that is smaller
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    frame_size: Option<u64>,
    /// Plaintext bytes in a segment, the unit of parallelism: a power of two, from one frame to
    /// 16384 of them and up to 1G; by default 4M
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    segment_size: Option<u64>,
    /// Bytes of the header, the room for key slots and metadata: a multiple of 64 up to 64K; by
    /// default 4K with key slots and 1K without, and more where they need it
    #[arg(long, value_name = "SIZE", value_parser = size::parse_header)]
    header_size: Option<u32>,
    /// Text that is not stored and must be given again to decrypt
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) context: String,
    /// Store a file name in the sealed metadata: the input's, or the one after =
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    name: Option<Option<String>>,
    /// Store a pair of texts in the sealed metadata (repeatable)
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    meta: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SuiteName {
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
    #[value(name = "chacha20-poly1305")]
    ChaCha20Poly1305,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DigestName {
    None,
    Sha256,
    Blake3,
}

impl StreamArgs {
    /// What the stream is like, without slots and metadata.
    pub(crate) fn options(&self) -> Result<EncryptOptions, Failure> {
        let mut options = EncryptOptions::standard();
        options.suite = match self.suite {
            SuiteName::Aes256Gcm => Suite::Aes256Gcm,
            SuiteName::ChaCha20Poly1305 => Suite::ChaCha20Poly1305,
        };
        options.digest = match self.digest {
            DigestName::None => DigestAlg::None,
            DigestName::Sha256 => DigestAlg::Sha256,
            DigestName::Blake3 => DigestAlg::Blake3,
        };
        options.geometry = size::geometry(self.frame_size, self.segment_size)?;
        options.context = self.context.clone().into_bytes();
        options.header_len = self.header_size;
        Ok(options)
    }

    /// Whether the size of segments is given.
    pub(crate) fn has_segment_size(&self) -> bool {
        self.segment_size.is_some()
    }

    /// Whether a name of one file is given.
    pub(super) fn has_name(&self) -> bool {
        matches!(self.name, Some(Some(_)))
    }

    /// The metadata object, where there is anything to store.
    pub(crate) fn metadata(
        &self,
        input: &Input,
        keeps_attributes: bool,
        labels: &[String],
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut object = Map::new();
        if keeps_attributes && input.is_named_file() {
            Attributes::of(input.metadata()).write(&mut object);
        }
        if let Some(name) = &self.name {
            let name = match name {
                Some(name) => name.as_str(),
                None => input.base_name().ok_or_else(|| {
                    Failure::usage("the input has no name that is text; give one with --name=NAME")
                })?,
            };
            if name.is_empty() || matches!(name, "." | "..") || name.contains(['/', '\\', '\0']) {
                return Err(Failure::usage(format!(
                    "'{}' is no file name without folders; give another with --name=NAME",
                    printable(name)
                )));
            }
            object.insert("name".into(), json!(name));
        }
        if !labels.is_empty() {
            object.insert("slots".into(), json!(labels));
        }
        let mut user = Map::new();
        for (key, value) in &self.meta {
            if user.insert(key.clone(), json!(value)).is_some() {
                return Err(Failure::usage(format!("--meta names '{}' twice", printable(key))));
            }
        }
        if !user.is_empty() {
            object.insert("user".into(), Value::Object(user));
        }
        Ok((!object.is_empty()).then(|| Value::Object(object).to_string().into_bytes()))
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("metadata is given as KEY=VALUE".into()),
    }
}
