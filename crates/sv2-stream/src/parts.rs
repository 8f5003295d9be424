//! One stream that many machines seal, part by part (format.md section 10 and appendix A).
//!
//! A [`Coordinator`] has the stream key: it makes the header and a plan, hands `K_segments` to
//! the machines (F-406), and makes the tail from their receipts. A [`PartSealer`] has the plan and
//! that key, which come in a [`PartsJob`]: it seals the segments of whole parts and gives a receipt
//! for each. What fetches plaintext, uploads parts and starts tasks is the caller's, and may do all of it twice: a salt is
//! drawn by each sealing and is never an argument, so that each attempt has keys of its own, and
//! the receipt whose part the store holds is the one that counts.
//!
//! Part numbers begin with 1, as in S3. Part 1 begins with the header, and the tail is a part of
//! its own behind the last one.

mod coordinator;
mod error;
mod job;
mod plan;
mod receipt;
mod sealer;
mod table;

pub use coordinator::{Coordinator, Finished, StoredPart};
pub use error::PartsError;
pub use job::PartsJob;
pub use plan::{PartsPlan, SourcePin};
pub use receipt::PartReceipt;
pub use sealer::PartSealer;
pub use table::{PartRule, PartSpec, geometry_for};
