//! Jobs: a plan with its wrapped key, read by whoever was sent one (local-files.md section 6).

use proptest::prelude::*;
use sv2_crypto::{Backend, RandomSource, SlotError, StreamKey};
use sv2_headers::{Geometry, Section};
use sv2_stream::NewHeader;
use sv2_stream::parts::{Coordinator, PartRule, PartSealer, PartsError, PartsJob, SourcePin};

use crate::support::key;

/// A slot kind of private use, which holds the key as it is.
const OPEN: u16 = 0x8001;

fn planned() -> Coordinator {
    let geometry = Geometry::new(8, 1).expect("legal sizes");
    let new = NewHeader { geometry, header_len: Some(256), ..NewHeader::standard() };
    let rule = PartRule::s3().bounds(2000, 100_000).wanted_len(2200);
    let pin = SourcePin::new(5000, "tag");
    Coordinator::plan(&key(), &new, pin, &rule, &RandomSource::System).expect("a plan")
}

fn slot(key: &[u8; 32]) -> Section {
    Section::private_slot(OPEN, key).expect("of private use")
}

fn job(coordinator: &Coordinator) -> PartsJob {
    let slots = vec![slot(&[1; 32]), slot(coordinator.segments_key().expose())];
    PartsJob::new(slots, coordinator.parts_plan()).expect("two slots")
}

/// Tries the slots in order.
fn opener(
    sections: &[Section],
    fits: &mut dyn FnMut(&StreamKey) -> bool,
) -> Result<StreamKey, SlotError> {
    let keys = sections.iter().filter_map(|slot| StreamKey::from_slice(&slot.body[2..]));
    keys.into_iter().find(|key| fits(key)).ok_or_else(|| "no key".into())
}

#[test]
fn a_job_that_was_sent_seals_parts_of_its_plan() {
    let coordinator = planned();
    let job = job(&coordinator);
    let sent = PartsJob::decode(&job.encode()).expect("a job");
    assert_eq!(sent, job);
    assert_eq!(sent.plan(), coordinator.parts_plan().to_bytes());
    assert_eq!(sent.claimed().expect("a plan"), *coordinator.parts_plan());
    let key = sent.open(&opener).expect("the second slot");
    let source = coordinator.parts_plan().source();
    PartSealer::open(sent.plan(), key, source, Backend::Ring, &RandomSource::System)
        .expect("authentic");
}

/// F-1241: also where whoever opens slots does not ask.
#[test]
fn a_key_that_is_not_of_the_plan_is_never_given() {
    let (job, other) = (job(&planned()), job(&planned()));
    assert!(other.open(&opener).is_ok());
    let careless = |sections: &[Section], _: &mut dyn FnMut(&StreamKey) -> bool| {
        opener(sections, &mut |_| true)
    };
    assert!(job.open(&careless as &dyn sv2_crypto::KeyOpener).is_err());
    let slots = vec![slot(planned().segments_key().expose())];
    let swapped = PartsJob::new(slots, planned().parts_plan()).expect("a slot");
    assert!(swapped.open(&opener).is_err());
    let mut altered = job.encode();
    for at in altered.len() - 300..altered.len() {
        altered[at] ^= 1;
        assert!(PartsJob::decode(&altered).map_or(true, |job| job.open(&opener).is_err()), "{at}");
        altered[at] ^= 1;
    }
}

/// F-1240.
#[test]
fn what_cannot_be_a_job_is_refused() {
    let coordinator = planned();
    let whole = job(&coordinator).encode();
    let refused = |bytes: &[u8]| matches!(PartsJob::decode(bytes), Err(PartsError::NoJob));
    for len in 0..whole.len() {
        assert!(refused(&whole[..len]), "cut to {len} bytes");
    }
    // Magic, version, number of slots, and the types of the slots.
    let second = 12 + 6 + 34;
    for at in (0..12).chain([12, 13, second, second + 1]) {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            assert!(refused(&bytes), "byte {at}");
        }
    }
    for beyond in [[0, 0, 0, 1], [0xff; 4]] {
        let mut bytes = whole.clone();
        bytes[second + 2..second + 6].copy_from_slice(&beyond);
        assert!(refused(&bytes), "a slot of {beyond:?} bytes");
    }
    let mut long = whole.clone();
    long.resize(PartsJob::MAX_LEN as usize + 1, 0);
    assert!(refused(&long));
    let new = |slots| PartsJob::new(slots, coordinator.parts_plan());
    let metadata = Section { kind: 2, body: vec![0; 40] };
    for slots in [vec![], vec![slot(&[1; 32]); 65], vec![metadata]] {
        assert!(matches!(new(slots), Err(PartsError::NoJob)));
    }
    let longest = Section::private_slot(OPEN, &[0; 1 << 20]).expect("of private use");
    assert!(matches!(new(vec![longest]), Err(PartsError::NoJob)));
    assert!(new(vec![slot(&[1; 32]); 64]).is_ok());
}

proptest! {
    /// F-1240: whatever is taken for a job has one encoding.
    #[test]
    fn bytes_that_are_taken_for_a_job_are_those_that_it_encodes_to(
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut bytes = job(&planned()).encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(job) = PartsJob::decode(&bytes) {
            prop_assert_eq!(job.encode(), bytes);
        }
    }
}
