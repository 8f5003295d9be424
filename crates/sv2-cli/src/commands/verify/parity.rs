//! What the parity file beside a stream says of it, and a picture of what can be mended.

use std::num::NonZeroUsize;

use serde_json::{Value, json};
use sv2_core::Cancellation;
use sv2_parity::{Findings, ParityError, scan};

use crate::commands::repair::findings_json;
use crate::console::{Console, print};
use crate::ends::Channel;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Name;
use crate::parity::{Found, Watch, failure, finding, is_of_no_stream, open_plain, promise, wrong};

/// Cells of a picture.
const CELLS: u64 = 64;

/// What a comparison with a parity file found.
pub(super) struct Compared {
    /// One sentence.
    sentence: String,
    /// The command that helps.
    pub(super) hint: Option<String>,
    pub(super) json: Value,
    /// Whether the parity file protects something else than a stream.
    pub(super) is_of_no_stream: bool,
    /// How a file that is no stream ends the program.
    exit: Option<Exit>,
    cells: Option<(String, u64)>,
}

/// Compares a file by name with the parity file beside it; none where there is none.
pub(super) fn compare(
    name: &Name,
    threads: NonZeroUsize,
    cancel: &Cancellation,
    console: &Console,
) -> Option<Compared> {
    let path = name.path()?;
    let file = open_plain(path).ok().flatten()?;
    let found = match Found::beside(&file, path) {
        Ok(found) => found?,
        Err(failure) => return Some(Compared::unusable(failure)),
    };
    let sidecar = match found.open(name) {
        Ok(sidecar) => sidecar,
        Err(failure) => return Some(Compared::unusable(failure)),
    };
    let total = sidecar.directory().file_len;
    let watch = Watch::new(console, cancel, threads, total);
    let compared = watch.run(|work| scan(&file, None, &sidecar, work));
    drop(watch);
    let findings = match compared {
        Ok(findings) => findings,
        Err(ParityError::Cancelled) => return None,
        Err(error) => return Some(Compared::unusable(failure(&error, name, &found.path))),
    };
    let mut hint = None;
    if !findings.is_file_sound() && findings.is_repairable() {
        hint = Some(wrong::repair("", path));
    } else if findings.damaged_parity().next().is_some() || sidecar.directories() < 2 {
        hint = Some(wrong::anew(path));
    }
    Some(Compared {
        sentence: format!("{}; {}", finding(&findings), promise(&findings.areas)),
        hint,
        json: findings_json(&findings),
        is_of_no_stream: is_of_no_stream(&sidecar),
        exit: (!findings.is_file_sound()).then_some(Exit::Damaged),
        cells: Some(cells(&findings)),
    })
}

impl Compared {
    /// A parity file that does not serve.
    fn unusable(failure: Failure) -> Self {
        Self {
            json: json!({ "error": failure.sentence, "exit_code": failure.exit.code() }),
            sentence: failure.sentence,
            hint: failure.hint,
            is_of_no_stream: false,
            exit: Some(failure.exit),
            cells: None,
        }
    }

    /// The lines below those about the stream.
    pub(super) fn text(&self, with_map: bool) -> String {
        let mut text = String::new();
        if let (true, Some((cells, each))) = (with_map, &self.cells) {
            text.push_str(&format!(
                "  [{cells}]\n  a cell is {each} bytes: . sound, r repairable, L lost\n"
            ));
        }
        text.push_str(&format!("  parity: {}\n", self.sentence));
        text
    }

    /// Says of a file that is no stream what its parity file says, and how that ends the program.
    pub(super) fn told_alone(
        self,
        name: &Name,
        with_map: bool,
        console: &Console,
    ) -> Result<Option<Exit>, Failure> {
        if console.json {
            let report = json!({
                "command": "verify",
                "input": name.for_machines(),
                "check": "parity",
                "authenticated": false,
                "undamaged": self.exit.is_none(),
                "exit_code": self.exit.map_or(0, Exit::code),
                "parity": self.json,
            });
            console.report(&report, Channel::Stdout)?;
            return Ok(self.exit);
        }
        if console.quiet && self.exit.is_none() {
            return Ok(None);
        }
        let mut text = format!("{name}: no stream, compared with its parity file\n");
        text.push_str(&self.text(with_map));
        if let Some(hint) = &self.hint {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        print(&text)?;
        Ok(self.exit)
    }
}

/// The file as cells, and the bytes that each stands for.
fn cells(findings: &Findings) -> (String, u64) {
    let len = findings.file_len.max(1);
    let count = len.min(CELLS);
    let mut cells = vec!['.'; count as usize];
    for window in &findings.windows {
        let area = &findings.areas[window.area];
        let mark = if window.is_repairable(area) { 'r' } else { 'L' };
        for &index in window.lost.iter().chain(&window.borrowed) {
            let Some(block) = area.block(window.window, index) else { continue };
            let bytes = area.bytes(block);
            let cell =
                |offset: u64| (u128::from(offset) * u128::from(count) / u128::from(len)) as usize;
            for cell in &mut cells[cell(bytes.start)..=cell(bytes.end - 1)] {
                if *cell != 'L' {
                    *cell = mark;
                }
            }
        }
    }
    (cells.into_iter().collect(), len.div_ceil(count))
}
