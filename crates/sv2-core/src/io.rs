//! Inputs and outputs: what a caller hands in, and what the drivers need of it.

mod input;
mod output;
mod positioned;
mod read_at;
mod slots;
mod unfinished;

pub use input::InputSource;
pub(crate) use input::{Input, SequentialInput};
pub(crate) use output::{Durability, Output, OutputEnd, SequentialOutput, folder_of, sync};
pub use output::{Existing, OutputSink};
pub(crate) use positioned::{PositionedInput, PositionedOutput};
pub use read_at::{ReadAt, ReadPart};
pub(crate) use slots::{read_slots, write_slots};
pub(crate) use unfinished::Unfinished;
pub use unfinished::remove_unfinished_outputs;
