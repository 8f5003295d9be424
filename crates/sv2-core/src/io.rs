//! Inputs and outputs: what a caller hands in, and what the drivers need of it.

mod attributes;
mod batch;
mod descriptor;
mod durable;
mod fill;
mod folder;
mod input;
mod named;
mod output;
mod place;
mod places;
mod positioned;
mod read_at;
mod stamp;
mod unfinished;
mod vectored;
mod waiting;
mod writer;

pub use attributes::FileAttributes;
pub use batch::OutputBatch;
pub use descriptor::{descriptor_number, open_descriptor};
pub(crate) use durable::{folder_of, sync, sync_folder};
pub(crate) use fill::Target;
pub use folder::HeldFolder;
pub(crate) use folder::NamePlace;
pub use input::InputSource;
pub(crate) use input::{Input, SequentialInput};
pub use named::NamedOutput;
pub use output::{Existing, OutputSink};
pub(crate) use output::{
    Output, OutputEnd, Secrecy, SequentialOutput, check_any_order, output_failure,
};
pub(crate) use place::open_regular;
pub use place::{HeldOutput, OutputFault, OutputPlace};
pub use places::WriteAt;
pub(crate) use places::{Cut, PositionedOutput};
pub(crate) use positioned::PositionedInput;
pub use read_at::{ReadAt, ReadPart};
pub(crate) use read_at::{fill, read_exact_at};
pub(crate) use stamp::Stamp;
pub use unfinished::remove_unfinished_outputs;
pub(crate) use unfinished::{Temporary, rename_to};
pub(crate) use vectored::{read_slots, write_slots};
pub use waiting::Waiting;
pub use writer::OutputWriter;
