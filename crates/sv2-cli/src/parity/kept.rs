//! A parity file that follows a change of its stream, or of which it is said that it does not.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use sv2_core::{Cancellation, Existing, NamedOutput, StreamError};
use sv2_parity::{Renewal, renew};

use super::{Found, Watch, failure, names, open_plain, wrong};
use crate::console::Console;
use crate::failure::Failure;
use crate::names::{Name, Names, shown};
use crate::size::counted;

/// The parity file of a stream that is to be changed.
pub(crate) struct Kept {
    stream: PathBuf,
    parity: Option<Found>,
    /// Why it will not follow.
    reason: Option<String>,
}

impl Kept {
    /// Looks for a parity file before the change; one that does not name the stream as it is now
    /// stays as it is.
    pub(crate) fn before(stream: &std::path::Path) -> Self {
        let none = |reason| Self { stream: stream.to_owned(), parity: None, reason };
        let name = Name::File(stream.to_owned());
        let Ok(Some(file)) = open_plain(stream) else { return none(None) };
        let parity = match Found::beside(&file, stream) {
            Ok(Some(parity)) => parity,
            Ok(None) => return none(None),
            Err(failure) => return none(Some(failure.sentence)),
        };
        let named = parity.open(&name).map(|sidecar| names(&sidecar, &file));
        match named {
            Ok(Ok(true)) => Self { stream: stream.to_owned(), parity: Some(parity), reason: None },
            Ok(Ok(false)) => none(Some("it was stale before".into())),
            Ok(Err(error)) => none(Some(error.to_string())),
            Err(failure) => none(Some(failure.sentence)),
        }
    }

    /// Brings the parity file along after the change, or says that it is stale; what it says for
    /// machines.
    pub(crate) fn after(
        self,
        threads: NonZeroUsize,
        cancel: &Cancellation,
        console: &Console,
    ) -> Value {
        let reason = match (&self.parity, self.reason.clone()) {
            (None, None) => return Value::Null,
            (None, Some(reason)) => reason,
            (Some(parity), _) => match self.follow(parity, threads, cancel, console) {
                Ok(None) => return json!({"state": "true"}),
                Ok(Some(renewal)) => {
                    if !console.json {
                        console.note(&format!(
                            "'{}' follows: {} encoded, {} taken over",
                            shown(&parity.path),
                            counted(renewal.encoded, "window", "windows"),
                            renewal.kept
                        ));
                    }
                    return json!({
                        "state": "true",
                        "windows_encoded": renewal.encoded,
                        "windows_kept": renewal.kept,
                        "areas": renewal.directory.areas.len(),
                    });
                }
                Err(failure) => failure.sentence,
            },
        };
        let name = Name::File(self.stream.clone());
        if !console.json {
            console.warn(&format!("{name}: the parity file is stale now: {reason}"));
            console.hint(&wrong::anew(&self.stream));
        }
        json!({"state": "stale", "reason": reason})
    }

    fn follow(
        &self,
        parity: &Found,
        threads: NonZeroUsize,
        cancel: &Cancellation,
        console: &Console,
    ) -> Result<Option<Renewal>, Failure> {
        let name = Name::File(self.stream.clone());
        let told = |error| failure(&error, &name, &parity.path);
        let failed = |error| Failure::file("read", &self.stream, &error);
        let file = File::open(&self.stream).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let sidecar = parity.open(&name)?;
        if names(&sidecar, &file).map_err(told)? {
            return Ok(None);
        }
        let output = Name::File(parity.path.clone());
        let stopped =
            |error: StreamError| Failure::stream(&error, Names { input: &name, output: &output });
        let target = NamedOutput::create(&parity.path, Existing::Replace, metadata.mode())
            .map_err(stopped)?;
        let watch = Watch::new(console, cancel, threads, metadata.len());
        let renewal = watch.run(|work| renew(&file, &sidecar, target.file(), work));
        drop(watch);
        let renewal = renewal.map_err(told)?;
        target.finish(cancel).map_err(stopped)?;
        Ok(Some(renewal))
    }
}
