//! Repair: from a parity file, or from the rest of a stream where there is none.

mod mending;
mod outputs;

use std::fs::File;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use sv2_core::RunOptions;
use sv2_parity::{
    Findings, Identity, Repaired, Sidecar, Source, Version, repair_copy, repair_in_place, scan,
};

use self::outputs::Outputs;
use crate::error::{Names, Trouble};
use crate::parity::{Files, Found, Watch, open_settled, parity_path, same_file};
use crate::run::{Tell, Wishes, run_telling};

/// What a repair found and did.
#[pyclass(frozen, get_all, module = "stream_v2")]
#[derive(Default)]
pub(crate) struct RepairReport {
    /// The file that was written; None where nothing was.
    output: Option<PathBuf>,
    /// The parity file that was used; None where there is none.
    parity: Option<PathBuf>,
    /// Whether nothing was lost.
    sound: bool,
    /// Whether everything that was lost is given back, or could be.
    repairable: bool,
    /// Bytes that the file should have.
    file_size: u64,
    /// Bytes that it had.
    found_size: u64,
    /// Blocks that were bad; without a parity file, damaged units of the stream.
    bad_blocks: u64,
    /// Windows with more damage than parity.
    hopeless_windows: u64,
    /// Whether the parity file itself is damaged; protect() makes it anew.
    parity_damaged: bool,
    /// Whether what is left of the stream vouches for the parity file being of its present version;
    /// otherwise seal and headers were all lost, and what comes back may be of an earlier one.
    version_confirmed: bool,
    /// Blocks that were computed from parity.
    computed: u64,
    /// Blocks that came from the other copy.
    borrowed: u64,
    /// Places that were put back from the rest of the stream, or can be, without a parity file.
    mended: u64,
    /// Bytes behind the end that were cut off, or left out of the new file.
    cut: u64,
    /// What a scrub of the written stream found; None where nothing was written, and of a file that
    /// is no stream.
    undamaged: Option<bool>,
}

#[pymethods]
impl RepairReport {
    fn __repr__(&self) -> String {
        let word = |is: bool| if is { "True" } else { "False" };
        format!(
            "RepairReport(sound={}, repairable={}, bad_blocks={}, computed={})",
            word(self.sound),
            word(self.repairable),
            self.bad_blocks,
            self.computed
        )
    }
}

impl RepairReport {
    fn new(found: &Found, sidecar: &Sidecar<'_>, findings: &Findings) -> Self {
        Self {
            parity: Some(found.path.clone()),
            sound: findings.is_file_sound(),
            repairable: findings.is_repairable(),
            file_size: findings.file_len,
            found_size: findings.found_len,
            bad_blocks: findings.bad_blocks(),
            hopeless_windows: findings.hopeless().count() as u64,
            version_confirmed: findings.version == Version::Confirmed,
            parity_damaged: findings.damaged_parity().next().is_some() || sidecar.directories() < 2,
            ..Self::default()
        }
    }
}

/// Gives back what was lost of a file, from the parity file that protect() made beside it.
///
/// path: the file.
/// output: where the repaired file goes; by default `path` with ".repaired" behind it.
/// in_place: write only what is bad into the file itself. A call that is cut off leaves at worst
///     the same blocks bad, and the same call continues it.
/// dry_run: say what would be done, and write nothing; what cannot be repaired is in the report.
/// copy: another copy of the file, damaged too or not, that gives what it has.
/// cut: in place, cut off what stands behind the end.
/// overwrite: replace an output that is there.
/// progress: called with bytes that were compared and written, and the most that can be.
///
/// From a parity file nothing is written unless everything can be given back, and nothing that its
/// checksum does not confirm; a file without damage is left alone. Checksums agree afterwards and nothing was
/// authenticated: verify() with the key says whether it is what was sealed.
/// Without a parity file a stream gets back what follows from the rest of it, such as a header from
/// its copy, also where other damage stays; `undamaged` says whether it does.
/// Raises BeyondRepairError where more was lost, StaleParityError where the parity file is of
/// another file or of another state of this one, PermissionError where another user may have made
/// it, DamagedError, MalformedError and NotAStreamError where it is of no use itself, BusyError,
/// UnfinishedChangeError, and whatever the system says.
///
/// >>> import pathlib, tempfile
/// >>> path = pathlib.Path(tempfile.mkdtemp(), "a.sv2")
/// >>> _ = encrypt(bytes(1_000_000), path, to=Key.generate())
/// >>> _ = protect(path)
/// >>> stored = path.read_bytes()
/// >>> _ = path.write_bytes(stored[:400_000] + b"damage" + stored[400_006:])
/// >>> scrub(path).undamaged
/// False
/// >>> repair(path, in_place=True).undamaged
/// True
#[pyfunction]
#[pyo3(signature = (
    path, output=None, *, in_place=false, dry_run=false, copy=None, cut=false, overwrite=false,
    threads=None, progress=None
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn repair(
    py: Python<'_>,
    path: PathBuf,
    output: Option<PathBuf>,
    in_place: bool,
    dry_run: bool,
    copy: Option<PathBuf>,
    cut: bool,
    overwrite: bool,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<RepairReport> {
    let names = Names { source: Some(path.clone()), sink: output.clone() };
    let usage = |text: &str| Trouble::Usage(text.into()).into_py(py, &names);
    if in_place && (output.is_some() || overwrite) {
        return Err(usage("in_place=True writes to the file itself, and takes no other output"));
    }
    if cut && !in_place {
        return Err(usage("cut=True is for in_place=True; a new file ends where it should"));
    }
    let call = Call { path, output, in_place, dry_run, copy, cut, overwrite };
    let wishes = Wishes { threads, progress, is_short: false };
    run_telling(py, wishes, &names, move |run, tell| call.run(&run, tell))
}

/// What was asked for.
struct Call {
    path: PathBuf,
    output: Option<PathBuf>,
    in_place: bool,
    dry_run: bool,
    copy: Option<PathBuf>,
    cut: bool,
    overwrite: bool,
}

impl Call {
    fn run(&self, run: &RunOptions, tell: Tell) -> Result<RepairReport, Trouble> {
        let file = open_settled(&self.path, self.in_place && !self.dry_run)?;
        let parity = parity_path(&self.path)?;
        let outputs = Outputs { call: self, parity: &parity, run };
        let Some(found) = Found::beside(&file, &self.path)? else {
            if self.copy.is_some() {
                return Err(Trouble::Usage(format!(
                    "there is no {parity:?}, which says what of the copy is sound"
                )));
            }
            return mending::run(&outputs, &file);
        };
        let files = Files { file: &self.path, parity: &parity, output: &outputs.path() };
        let sidecar = found.open().map_err(|error| files.parity(error))?;
        let other = self.copy.as_deref().map(|copy| open_copy(copy, &file)).transpose()?;
        let other = other.as_ref().map(|copy| copy as &dyn Source);

        // A new file is written as a whole, of the file itself hardly anything.
        let is_new = !self.in_place && !self.dry_run;
        let total = sidecar.directory().file_len << u32::from(is_new);
        let watch = Watch::new(run, tell, total);
        let findings = watch.work(|work| scan(&file, other, &sidecar, work));
        let findings = findings.map_err(|error| files.parity(error))?;
        let mut report = RepairReport::new(&found, &sidecar, &findings);
        if report.sound || self.dry_run {
            return Ok(report);
        }
        findings.require_repairable().map_err(|error| files.parity(error))?;
        let job = Job { outputs, files, sidecar: &sidecar, findings: &findings, watch: &watch };
        let done =
            if self.in_place { job.in_place(&file, other)? } else { job.copy(&file, other)? };
        (report.computed, report.borrowed, report.cut) = (done.computed, done.borrowed, done.cut);
        let output = files.output.to_owned();
        if matches!(sidecar.directory().identity, Identity::Stream { .. }) {
            report.undamaged = Some(job.outputs.scrubbed(&output)?);
        }
        report.output = Some(output);
        Ok(report)
    }
}

fn open_copy(copy: &Path, file: &File) -> Result<File, Trouble> {
    let opened = open_settled(copy, false)?;
    let failed = |error| Files { file: copy, parity: copy, output: copy }.unread(error);
    let both = (opened.metadata().map_err(failed)?, file.metadata().map_err(failed)?);
    if same_file(&both.0, &both.1) {
        return Err(Trouble::Usage(format!("{copy:?} is the file itself")));
    }
    Ok(opened)
}

/// A repair from a parity file that can be done.
struct Job<'j> {
    outputs: Outputs<'j>,
    files: Files<'j>,
    sidecar: &'j Sidecar<'j>,
    findings: &'j Findings,
    watch: &'j Watch,
}

impl Job<'_> {
    fn in_place(&self, file: &File, other: Option<&dyn Source>) -> Result<Repaired, Trouble> {
        self.outputs.may_cut(self.findings.found_len.saturating_sub(self.findings.file_len))?;
        let (sidecar, findings) = (self.sidecar, self.findings);
        let done = self.watch.work(|work| repair_in_place(file, other, sidecar, findings, work));
        done.map_err(|error| self.files.parity(error))
    }

    fn copy(&self, file: &File, other: Option<&dyn Source>) -> Result<Repaired, Trouble> {
        let target = self.outputs.create(self.files.output)?;
        let (sidecar, findings) = (self.sidecar, self.findings);
        let done = self
            .watch
            .work(|work| repair_copy(file, other, sidecar, findings, target.file(), work));
        let done = done.map_err(|error| self.files.parity(error))?;
        let finished = target.finish(&self.outputs.run.cancel);
        finished.map_err(|error| self.files.stream(error))?;
        Ok(done)
    }
}
