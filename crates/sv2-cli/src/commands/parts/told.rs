//! What is said of plans, parts and receipts that do not serve.

use std::path::Path;

use sv2_core::StreamError;
use sv2_core::parts::{PartFailure, PartsError};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::operand;
use crate::names::{Name, Names};

/// The failure of a call that has a plan.
pub(super) fn parts(error: PartsError, plan: &Path) -> Failure {
    let name = Name::File(plan.to_owned());
    let sentence = format!("{name}: {error}");
    let again = |part| again(part, plan);
    let of = |exit| Failure::new(exit, sentence.clone());
    match error {
        PartsError::Format(error) => {
            let error = StreamError::from(error);
            Failure::stream(&error, Names { input: &name, output: &Name::Stdout })
                .hint("use the plan as 'sv2 parts plan' wrote it")
        }
        PartsError::NoCut { .. } => of(Exit::Usage)
            .hint("change --part-size, --max-part or --segment-size, or use sv2 encrypt"),
        PartsError::NoJob => {
            of(Exit::NotAStream).hint("use the file that was made by: sv2 parts plan -o PLAN")
        }
        PartsError::ForeignPlan => {
            of(Exit::Mismatch).hint("use the plan and the key of its stream")
        }
        PartsError::SourceChanged => of(Exit::Mismatch)
            .hint("plan it anew, or name the source's tag with --source-tag as the plan has it"),
        PartsError::NoSuchPart { .. } => {
            of(Exit::Usage).hint("use the plan's own parts; --json of 'sv2 parts plan' lists them")
        }
        PartsError::AlteredReceipt { part } => {
            of(Exit::Untrusted).hint(format!("remove the receipt, and {}", again(part)))
        }
        PartsError::ForeignReceipt { part } => {
            of(Exit::Mismatch).hint(format!("remove the receipt, and {}", again(part)))
        }
        PartsError::Segments { part, .. }
        | PartsError::MissingReceipt { part }
        | PartsError::NotStored { part }
        | PartsError::StaleReceipt { part }
        | PartsError::AmbiguousReceipt { part } => of(Exit::Mismatch).hint(again(part)),
        _ => of(Exit::Mismatch),
    }
}

/// The failure of a receipt that does not serve, by the name of its file.
pub(super) fn receipt(error: PartsError, plan: &Path, path: &Path) -> Failure {
    let sentence = format!("{}: {error}", Name::File(path.to_owned()));
    let remove = format!("rm {}", operand(path.as_os_str()));
    let exit = match error {
        PartsError::AlteredReceipt { .. } => Exit::Untrusted,
        _ => Exit::Mismatch,
    };
    let (PartsError::AlteredReceipt { part }
    | PartsError::ForeignReceipt { part }
    | PartsError::Segments { part, .. }) = error
    else {
        return Failure::new(exit, sentence).hint(format!("remove it: {remove}"));
    };
    // What is no receipt at all says nothing of a part.
    Failure::new(exit, sentence).hint(match part {
        0 => format!("remove it: {remove}"),
        part => format!("remove it ({remove}), and {}", again(part, plan)),
    })
}

fn again(part: u32, plan: &Path) -> String {
    let plan = operand(plan.as_os_str());
    format!("seal it again: sv2 parts seal --part {part} {plan} SOURCE FOLDER")
}

/// The failure of a part that is read and of which nothing is written.
pub(super) fn reading(error: &StreamError, part: &Name) -> Failure {
    match error {
        StreamError::Cancelled { .. } => Failure::interrupted(),
        error => Failure::stream(error, Names { input: part, output: &Name::Stdout }),
    }
}

/// The failure of a task that reads and writes.
pub(super) fn task(error: PartFailure, plan: &Path, input: &Name, output: &Name) -> Failure {
    match error {
        PartFailure::Parts(error) => parts(error, plan),
        PartFailure::Stream(error) => Failure::stream(&error, Names { input, output }),
        error => Failure::new(Exit::Io, error.to_string()),
    }
}
