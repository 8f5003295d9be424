//! Any range of any object is that of its plaintext.

use crate::object_store;
use crate::probe::{Probe, painted, store};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use sv2_object_store::{DigestAlg, Geometry, StoreOptions};

#[tokio::test]
async fn every_range_of_objects_at_every_border_is_that_of_the_plaintext() {
    let (frame, segment) = (4096usize, 16384usize);
    let geometry = Geometry::from_sizes(frame as u64, segment as u64).unwrap();
    for (cache, digest) in [(0, DigestAlg::None), (1 << 20, DigestAlg::Sha256)] {
        let options = StoreOptions::standard().geometry(geometry).digest(digest).frame_cache(cache);
        let probe = Probe::new();
        let store = store(&probe, options);
        for len in [0, 1, frame - 1, frame, frame + 1, segment - 1, segment, segment + 1, 200_000] {
            let (path, plaintext) = (Path::from("a"), painted(len));
            store.put(&path, plaintext.clone().into()).await.unwrap();
            assert_eq!(store.head(&path).await.unwrap().size, len as u64);
            let whole = store.get(&path).await.unwrap();
            assert_eq!((whole.meta.size, whole.range.clone()), (len as u64, 0..len as u64));
            assert_eq!(whole.bytes().await.unwrap(), plaintext);
            let borders = [0, 1, frame - 1, frame, segment - 1, segment, len / 2, len];
            for start in borders {
                for end in borders.map(|end| end.max(start) + 1) {
                    let range = start as u64..end as u64;
                    let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
                    let found = store.get_opts(&path, options).await;
                    if start >= len {
                        found.unwrap_err();
                        continue;
                    }
                    let found = found.unwrap();
                    let end = end.min(len);
                    assert_eq!(found.range, start as u64..end as u64);
                    assert_eq!(found.bytes().await.unwrap(), plaintext.slice(start..end));
                }
            }
            let suffix = GetOptions::new().with_range(Some(GetRange::Suffix(5000)));
            let found = store.get_opts(&path, suffix).await.unwrap().bytes().await.unwrap();
            assert_eq!(found, plaintext.slice(len.saturating_sub(5000)..));
            let listed = store.list_with_delimiter(None).await.unwrap().objects;
            assert_eq!(listed[0].size, len as u64);
        }
    }
}

#[tokio::test]
async fn long_ranges_are_those_of_the_plaintext_in_small_segments_too() {
    let geometry = Geometry::from_sizes(4096, 65536).unwrap();
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard().geometry(geometry));
    let (path, plaintext) = (Path::from("a"), painted(6_000_001));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    for (start, end) in [(0, 6_000_001), (1, 5_000_000), (65_535, 6_000_000), (70_000, 4_264_305)] {
        let range = Some(GetRange::Bounded(start as u64..end as u64));
        let options = GetOptions::new().with_range(range);
        let found = store.get_opts(&path, options).await.unwrap().bytes().await.unwrap();
        assert!(found == plaintext.slice(start..end), "{start}..{end}");
    }
}

#[tokio::test]
async fn an_object_whose_index_has_many_pages_is_read_page_by_page() {
    // 5,000 segments: the tail is longer than the end that is read at first, and has pages.
    let geometry = Geometry::from_sizes(4096, 4096).unwrap();
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard().geometry(geometry));
    let (path, plaintext) = (Path::from("a"), painted(5_000 * 4096));
    store.put(&path, plaintext.clone().into()).await.unwrap();
    let range = 9_000_000..9_000_010;
    let found = store.get_range(&path, range).await.unwrap();
    assert_eq!(found, plaintext.slice(9_000_000..9_000_010));
    assert_eq!(probe.take().0, 3);
    assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == plaintext);
}
