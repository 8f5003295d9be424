//! A job: what a machine that seals parts is sent (local-files.md section 6).
//!
//! It is the plan behind the key of segments, wrapped for whoever seals. It holds no secret in the
//! clear, and whoever wraps and unwraps keys is the caller's.

use alloc::vec::Vec;

use sv2_crypto::{KeyOpener, SegmentsKey, SlotError, StreamKey};
use sv2_headers::{MAX_SLOTS, SECTION_SLOT, Section};

use crate::parts::{PartsError, PartsPlan};

/// The first bytes of a job.
const MAGIC: [u8; 8] = *b"SV2PJOB\n";
/// Its version.
const VERSION: u16 = 1;
/// Bytes before the slots: magic, version, number of slots.
const HEAD_LEN: usize = 8 + 2 + 2;
/// Bytes before the body of a slot: its type and its length.
const SLOT_HEAD_LEN: usize = 2 + 4;

/// A plan with the key of its segments, wrapped for whoever seals parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartsJob {
    slots: Vec<Section>,
    plan: Vec<u8>,
}

impl PartsJob {
    /// The most bytes that a job has: longer ones need not be read.
    pub const MAX_LEN: u64 = 1 << 20;

    /// A plan and 1 to 64 slots, each of which holds the plan's key of segments as a slot of a
    /// header holds a stream key.
    ///
    /// # Errors
    /// `NoJob` for no slot or too many, for a section that is none, and where all of it is longer
    /// than [`PartsJob::MAX_LEN`].
    pub fn new(slots: Vec<Section>, plan: &PartsPlan) -> Result<Self, PartsError> {
        let are_slots = slots.iter().all(|slot| slot.as_slot().is_some());
        let job = Self { slots, plan: plan.to_bytes() };
        let len = job.encode().len() as u64;
        let fits = (1..=MAX_SLOTS).contains(&job.slots.len()) && len <= Self::MAX_LEN;
        if are_slots && fits { Ok(job) } else { Err(PartsError::NoJob) }
    }

    /// The job's bytes; they hold no secret in the clear.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        // At most 64.
        bytes.extend_from_slice(&(self.slots.len() as u16).to_be_bytes());
        for slot in &self.slots {
            bytes.extend_from_slice(&slot.kind.to_be_bytes());
            bytes.extend_from_slice(&(slot.body.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&slot.body);
        }
        bytes.extend_from_slice(&self.plan);
        bytes
    }

    /// Reads a job. Nothing of it was judged by a key: what it says is a claim until
    /// [`PartsJob::open`] found a key, and [`PartSealer`](crate::parts::PartSealer) or
    /// [`Coordinator`](crate::parts::Coordinator) took the plan.
    ///
    /// # Errors
    /// `NoJob` (F-1240).
    pub fn decode(bytes: &[u8]) -> Result<Self, PartsError> {
        if bytes.len() as u64 > Self::MAX_LEN {
            return Err(PartsError::NoJob);
        }
        Self::decoded(bytes).ok_or(PartsError::NoJob)
    }

    fn decoded(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(HEAD_LEN)?;
        let count = usize::from(u16::from_be_bytes([head[10], head[11]]));
        let known = head[..8] == MAGIC && head[8..10] == VERSION.to_be_bytes();
        if !known || !(1..=MAX_SLOTS).contains(&count) {
            return None;
        }
        let mut slots = Vec::with_capacity(count);
        for _ in 0..count {
            let (head, more) = rest.split_first_chunk::<SLOT_HEAD_LEN>()?;
            let kind = u16::from_be_bytes([head[0], head[1]]);
            let len = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
            let (body, more) = more.split_at_checked(usize::try_from(len).ok()?)?;
            let slot = Section { kind, body: body.to_vec() };
            if slot.kind != SECTION_SLOT || slot.as_slot().is_none() {
                return None;
            }
            slots.push(slot);
            rest = more;
        }
        PartsPlan::claimed(rest).ok()?;
        Some(Self { slots, plan: rest.to_vec() })
    }

    /// The bytes of the plan, which nobody has judged.
    #[must_use]
    pub fn plan(&self) -> &[u8] {
        &self.plan
    }

    /// What the plan claims, for whoever scrubs parts and has no key.
    ///
    /// # Errors
    /// `ForeignPlan`, which a job that was read does not give.
    pub fn claimed(&self) -> Result<PartsPlan, PartsError> {
        PartsPlan::claimed(&self.plan)
    }

    /// The key of segments, by whoever opens a slot of it; the plan is authentic under it (F-1241).
    ///
    /// # Errors
    /// Why no slot gave that key.
    pub fn open(&self, opener: &dyn KeyOpener) -> Result<SegmentsKey, SlotError> {
        let fitting = |key: &StreamKey| {
            SegmentsKey::from_slice(key.expose()).filter(|key| PartsPlan::is_of(&self.plan, key))
        };
        let key = opener.open_key(&self.slots, &mut |key| fitting(key).is_some())?;
        // Whatever the opener says, a key that does not fit seals nothing.
        fitting(&key).ok_or_else(|| "the job's key is not that of its plan".into())
    }
}
