//! An output that is whole before its name, so that something else can be named first.

use std::path::{Path, PathBuf};

use sv2_core::{NamedOutput, OutputSink, StreamError};

use super::{Aftermath, Output, Place};
use crate::failure::Failure;
use crate::names::Names;

/// A sink, the file that it writes to where that is still to be named, and what is left to do.
pub(crate) type UnnamedSink = (OutputSink<'static>, Option<NamedOutput>, Aftermath);

impl Output {
    /// As [`Output::into_sink`], where the file gets its name from the caller once the call is done;
    /// none where the output is no file by name.
    pub(crate) fn into_unnamed(self) -> Result<UnnamedSink, Failure> {
        let Place::Path(path, existing) = &self.place else {
            let (sink, aftermath) = self.into_sink()?;
            return Ok((sink, None, aftermath));
        };
        let failed =
            |error| Failure::stream(&error, Names { input: &self.name, output: &self.name });
        let named = NamedOutput::create(path, *existing, 0o600).map_err(failed)?;
        let file = named.file().try_clone();
        let file = file.map_err(|source| failed(StreamError::Write { offset: 0, source }))?;
        let aftermath = self.aftermath();
        let aftermath = Aftermath { _folder: self.folder, ..aftermath };
        Ok((OutputSink::File(file), Some(named), aftermath))
    }

    /// The file as it is reached, where it is one by name.
    pub(crate) fn reached(&self) -> Option<PathBuf> {
        self.kept_path().map(Path::to_owned)
    }
}
