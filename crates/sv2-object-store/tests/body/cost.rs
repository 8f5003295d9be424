//! What reads cost, counted in requests, round trips and bytes.

use crate::object_store;
use crate::probe::{Probe, painted, store};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use sv2_object_store::{Sizes, StoreOptions};

const MIB: usize = 1 << 20;
/// What an opening reads at most: header and end.
const OPENING: u64 = 68 << 10;
/// A standard frame with what lies around it.
const FRAME: u64 = (64 << 10) + 64;

#[tokio::test]
async fn a_derived_head_is_one_request_without_a_body() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let path = Path::from("a");
    store.put(&path, painted(9 * MIB).into()).await.unwrap();
    assert_eq!(store.head(&path).await.unwrap().size, 9 * MIB as u64);
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len(), asked[0].head, asked[0].len), (1, 1, true, 0));
}

#[tokio::test]
async fn a_sealed_head_is_one_read_of_the_end() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard().sizes(Sizes::Sealed));
    let path = Path::from("a");
    store.put(&path, painted(9 * MIB).into()).await.unwrap();
    assert_eq!(store.head(&path).await.unwrap().size, 9 * MIB as u64);
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len()), (1, 1));
    assert!(matches!(asked[0].range, Some(GetRange::Suffix(_))), "{asked:?}");
}

#[tokio::test]
async fn a_range_is_two_round_trips_cold_and_one_warm() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let (path, plaintext) = (Path::from("a"), painted(9 * MIB));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    let range = 5_000_000..5_000_100;
    let want = plaintext.slice(5_000_000..5_000_100);
    assert_eq!(store.get_range(&path, range.clone()).await.unwrap(), want);
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len()), (2, 3), "{asked:?}");
    assert!(asked.iter().map(|asked| asked.len).sum::<u64>() <= OPENING + FRAME);

    let other = 1_000_000..1_000_100;
    let want_other = plaintext.slice(1_000_000..1_000_100);
    assert_eq!(store.get_range(&path, other).await.unwrap(), want_other);
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len()), (1, 1), "{asked:?}");
    assert!(asked[0].if_match.is_some() && asked[0].len <= FRAME);

    // The frame was kept, so only whether the object is still the same is asked.
    assert_eq!(store.get_range(&path, range).await.unwrap(), want);
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len(), asked[0].head, asked[0].len), (1, 1, true, 0));
}

#[tokio::test]
async fn a_small_object_comes_whole_with_its_opening() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let (path, plaintext) = (Path::from("a"), painted(30_000));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), plaintext);
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len()), (1, 2), "{asked:?}");
}

#[tokio::test]
async fn a_whole_object_is_one_request_behind_its_opening() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let (path, plaintext) = (Path::from("a"), painted(21 * MIB + 5));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), plaintext);
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len()), (2, 3), "{asked:?}");
    let offset = GetOptions::new().with_range(Some(GetRange::Offset(MIB as u64 + 7)));
    let rest = store.get_opts(&path, offset).await.unwrap().bytes().await.unwrap();
    assert_eq!(rest, plaintext.slice(MIB + 7..));
    assert_eq!(probe.take().1.len(), 1);
}

#[tokio::test]
async fn ranges_that_are_near_are_one_request() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let (path, plaintext) = (Path::from("a"), painted(9 * MIB));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    store.get_range(&path, 0..1).await.unwrap();
    probe.take();
    // A hundred ranges over the border of two segments, and one far away.
    let mut ranges: Vec<_> =
        (0..100).map(|n| 3_700_000 + n * 10_000..3_700_100 + n * 10_000).collect();
    ranges.push(9_000_000..9_000_010);
    let found = store.get_ranges(&path, &ranges).await.unwrap();
    for (range, found) in ranges.iter().zip(found) {
        assert_eq!(found, plaintext.slice(range.start as usize..range.end as usize));
    }
    let (rounds, asked) = probe.take();
    assert_eq!((rounds, asked.len()), (1, 2), "{asked:?}");
}

#[tokio::test]
async fn long_ranges_cost_a_tenth_more_than_their_plaintext_and_frames_at_their_edges() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let (path, plaintext) = (Path::from("a"), painted(20 * MIB));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    // Three column chunks of each row group of 5 MiB, of 400 kB each and far apart.
    let starts = (0..4).flat_map(|group| (0..3).map(move |n| group * 5_242_880 + n * 1_500_000));
    let ranges: Vec<_> = starts.map(|start| start + 77..start + 400_077).collect();
    let found = store.get_ranges(&path, &ranges).await.unwrap();
    assert!(ranges.iter().zip(found).all(|(range, found)| {
        found == plaintext.slice(range.start as usize..range.end as usize)
    }));
    let wire: u64 = probe.take().1.iter().map(|asked| asked.len).sum();
    let plain: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let edges = ranges.len() as u64 * 2 * FRAME;
    assert!(wire <= plain * 11 / 10 + edges + OPENING, "{wire} of {plain}");
}

#[tokio::test]
async fn an_object_is_opened_for_the_conditions_of_its_first_request_alone() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let path = Path::from("a");
    let put = store.put(&path, painted(9 * MIB).into()).await.unwrap();
    let options = GetOptions::new()
        .with_if_match(put.e_tag.clone())
        .with_range(Some(GetRange::Bounded(4_000_000..4_000_010)));
    store.get_opts(&path, options).await.unwrap();
    let (_, asked) = probe.take();
    assert!(asked.iter().all(|asked| asked.if_match == put.e_tag), "{asked:?}");

    let wrong = GetOptions::new().with_if_match(Some("other"));
    let error = store.get_opts(&path, wrong).await.unwrap_err();
    assert!(matches!(error, object_store::Error::Precondition { .. }), "{error}");
    assert_eq!(probe.take().1.len(), 1);
}

#[tokio::test]
async fn a_store_without_ranges_of_the_end_is_asked_for_the_length() {
    let probe = Probe::new();
    probe.refuse_suffixes();
    let store = store(&probe, StoreOptions::standard());
    let (path, plaintext) = (Path::from("a"), painted(9 * MIB));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    let found = store.get_range(&path, 7_000_000..7_000_100).await.unwrap();
    assert_eq!(found, plaintext.slice(7_000_000..7_000_100));
    assert_eq!(probe.take().0, 4);
}
