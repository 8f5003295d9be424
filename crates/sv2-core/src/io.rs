//! Inputs and outputs: what a caller hands in, and what the drivers need of it.

mod descriptor;
mod input;
mod output;
mod place;
mod positioned;
mod read_at;
mod slots;
mod unfinished;
mod waiting;
mod writer;

pub use descriptor::{descriptor_number, open_descriptor};
pub use input::InputSource;
pub(crate) use input::{Input, SequentialInput};
pub(crate) use output::{
    Durability, Output, OutputEnd, SequentialOutput, folder_of, output_failure, sync, sync_folder,
};
pub use output::{Existing, OutputSink};
pub(crate) use place::open_regular;
pub use place::{HeldOutput, OutputFault, OutputPlace};
pub(crate) use positioned::{PositionedInput, PositionedOutput};
pub use read_at::{ReadAt, ReadPart};
pub(crate) use slots::{read_slots, write_slots};
pub use unfinished::remove_unfinished_outputs;
pub(crate) use unfinished::{Temporary, rename_to};
pub use waiting::Waiting;
pub use writer::OutputWriter;
