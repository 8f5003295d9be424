//! What bad input gets: the store's own kinds of errors with path, segment and frame, and never a
//! byte that was not authenticated.

use bytes::Bytes;
use futures::TryStreamExt;

use crate::Sv2Store;
use crate::object_store;
use crate::probe::{Probe, key, painted, store};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use sv2_object_store::{
    Foreign, FormatError, Geometry, ObjectError, ObjectFault, Sizes, StoreOptions,
};

const MIB: usize = 1 << 20;

fn fault(error: &Error) -> &ObjectError {
    ObjectError::in_chain(error).unwrap_or_else(|| panic!("no fault of an object in: {error:?}"))
}

/// The bytes of an object with one bit of them changed.
fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes.into()
}

#[tokio::test]
async fn a_wrong_key_is_a_lack_of_permission() {
    let probe = Probe::new();
    let path = Path::from("dir/a");
    store(&probe, StoreOptions::standard()).put(&path, "text".into()).await.unwrap();
    for sizes in [Sizes::Derived, Sizes::Sealed] {
        let other = Sv2Store::new(probe.clone(), key(2), StoreOptions::standard().sizes(sizes));
        let error = other.get(&path).await.unwrap_err();
        assert!(
            matches!(&error, Error::PermissionDenied { path, .. } if path == "dir/a"),
            "{error}"
        );
        assert!(error.to_string().contains("sv2 inspect"), "{error}");
        assert_eq!(other.head(&path).await.is_ok(), sizes == Sizes::Derived);
    }
    let context = StoreOptions::standard().context("elsewhere");
    let error = store(&probe, context).get(&path).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_frame_is_named_and_nothing_of_it_comes_out() {
    let probe = Probe::new();
    let (path, plaintext) = (Path::from("a"), painted(9 * MIB));
    store(&probe, StoreOptions::standard()).put(&path, plaintext.clone().into()).await.unwrap();
    let sound = probe.stored("a").await;
    // In segment 1, frame 3: its plaintext begins at 4 MiB + 192 KiB.
    probe.store("a", flipped(&sound, 4_400_000 + 10_000)).await;
    let store = store(&probe, StoreOptions::standard());
    let at = 4 * MIB as u64 + 200_000;
    let error = store.get_range(&path, at..at + 10).await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error}");
    let found = fault(&error);
    assert_eq!((found.path.as_str(), found.segment(), found.frame()), ("a", Some(1), Some(3)));
    let is_damage =
        matches!(found.fault, ObjectFault::Stream(FormatError::ChecksumMismatch { .. }));
    assert!(is_damage && error.to_string().contains("sv2 verify"), "{error}");
    // The frames beside it are sound.
    let beside = store.get_range(&path, at + 100_000..at + 100_010).await.unwrap();
    assert_eq!(beside, plaintext.slice(at as usize + 100_000..at as usize + 100_010));

    // A scan gives what comes before, and then the error.
    let mut body = store.get(&path).await.unwrap().into_stream();
    let mut read = Vec::new();
    let error = loop {
        match body.try_next().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => panic!("the end came without an error"),
            Err(error) => break error,
        }
    };
    assert_eq!(read, plaintext.slice(..4 * MIB));
    assert_eq!(fault(&error).frame(), Some(3));
}

#[tokio::test]
async fn a_foreign_object_is_refused_hidden_or_passed() {
    let probe = Probe::new();
    let foreign = Bytes::from(vec![7; 1000]);
    probe.store("foreign", foreign.clone()).await;
    probe.store("empty", "").await;
    for path in [Path::from("foreign"), Path::from("empty")] {
        let refusing = store(&probe, StoreOptions::standard());
        let error = refusing.get(&path).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error}");
        assert_eq!(fault(&error).path, path.to_string());
        refusing.get_ranges(&path, std::slice::from_ref(&(0..1))).await.unwrap_err();
        refusing.head(&path).await.unwrap_err();

        let hiding = store(&probe, StoreOptions::standard().foreign(Foreign::Hide));
        for error in [hiding.get(&path).await.err(), hiding.head(&path).await.err()] {
            assert!(matches!(error, Some(Error::NotFound { .. })), "{error:?}");
        }
        hiding.get_ranges(&path, std::slice::from_ref(&(0..1))).await.unwrap_err();
        assert!(hiding.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
    }
    let list = store(&probe, StoreOptions::standard()).list(None).try_collect::<Vec<_>>().await;
    assert!(matches!(fault(&list.unwrap_err()).fault, ObjectFault::Foreign { .. }));

    let passing = store(&probe, StoreOptions::standard().foreign(Foreign::PassUnauthenticated));
    let path = Path::from("foreign");
    assert_eq!(passing.get(&path).await.unwrap().bytes().await.unwrap(), foreign);
    assert_eq!(passing.get_range(&path, 5..9).await.unwrap(), foreign.slice(5..9));
    assert_eq!(passing.head(&path).await.unwrap().size, 1000);
    assert_eq!(passing.list(None).try_collect::<Vec<_>>().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_foreign_object_of_a_length_that_streams_have_shows_when_it_is_read() {
    // Nearly every length is that of some stream, so a derived size cannot tell.
    let probe = Probe::new();
    probe.store("foreign", vec![7; 100_001]).await;
    let path = Path::from("foreign");
    let derived = store(&probe, StoreOptions::standard());
    assert!(derived.head(&path).await.unwrap().size < 100_001);
    let error = derived.get(&path).await.unwrap_err();
    let is_foreign = matches!(fault(&error).fault, ObjectFault::Stream(FormatError::NotAStream));
    assert!(is_foreign, "{error}");
    let sealed = store(&probe, StoreOptions::standard().sizes(Sizes::Sealed));
    sealed.head(&path).await.unwrap_err();
    let sealed = StoreOptions::standard().sizes(Sizes::Sealed).foreign(Foreign::Hide);
    let error = store(&probe, sealed).head(&path).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_half_written_object_is_an_error_whatever_the_policy() {
    let probe = Probe::new();
    let path = Path::from("a");
    store(&probe, StoreOptions::standard()).put(&path, painted(MIB).into()).await.unwrap();
    let sound = probe.stored("a").await;
    let lens = [sound.len() - 1, sound.len() / 2, 2000, 200];
    // Over a store with ranges of the end, and over one without.
    for at in 0..2 * lens.len() {
        if at == lens.len() {
            probe.refuse_suffixes();
        }
        let len = lens[at % lens.len()];
        probe.store("a", sound.slice(..len)).await;
        for policy in [Foreign::Refuse, Foreign::Hide, Foreign::PassUnauthenticated] {
            let store = store(&probe, StoreOptions::standard().foreign(policy));
            let error = store.get(&path).await.unwrap_err();
            let unsealed =
                matches!(fault(&error).fault, ObjectFault::Stream(FormatError::Unsealed { .. }));
            assert!(unsealed, "{len} bytes: {error}");
        }
    }
}

#[tokio::test]
async fn a_range_behind_the_end_is_an_error_of_the_range() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let path = Path::from("a");
    store.put(&path, painted(1000).into()).await.unwrap();
    for _warmth in ["cold", "warm"] {
        for range in [1000..1001, 5000..6000, u64::MAX - 1..u64::MAX] {
            let error = store.get_range(&path, range).await.unwrap_err();
            assert!(matches!(fault(&error).fault, ObjectFault::Range(_)), "{error}");
        }
        let error = store.get_ranges(&path, &[0..1, 1000..1001]).await.unwrap_err();
        assert!(matches!(fault(&error).fault, ObjectFault::Range(_)), "{error}");
    }
}

#[tokio::test]
async fn an_object_of_another_profile_is_an_error_when_it_is_read() {
    let probe = Probe::new();
    let path = Path::from("a");
    let small = Geometry::from_sizes(4096, 16384).unwrap();
    let writer = store(&probe, StoreOptions::standard().geometry(small));
    writer.put(&path, painted(100_000).into()).await.unwrap();
    let error = store(&probe, StoreOptions::standard()).get(&path).await.unwrap_err();
    assert!(matches!(fault(&error).fault, ObjectFault::OtherProfile { .. }), "{error}");
    let sealed = StoreOptions::standard().sizes(Sizes::Sealed);
    let error = store(&probe, sealed).head(&path).await.unwrap_err();
    assert!(matches!(fault(&error).fault, ObjectFault::OtherProfile { .. }), "{error}");
}

#[tokio::test]
async fn a_store_that_lies_about_sizes_gets_no_byte_out() {
    type Lie = fn(&mut object_store::ObjectMeta, &mut Bytes);
    let lies: [Lie; 4] = [
        |meta, _| meta.size += 1,
        |meta, _| meta.size -= 1,
        |_, bytes| bytes.truncate(bytes.len() / 2),
        |_, bytes| *bytes = [&bytes[..], b"more"].concat().into(),
    ];
    for (nth, lie) in lies.into_iter().enumerate() {
        let probe = Probe::new();
        let path = Path::from("a");
        let store = store(&probe, StoreOptions::standard());
        store.put(&path, painted(9 * MIB).into()).await.unwrap();
        probe.answer(lie);
        let error = store.get_range(&path, 5_000_000..5_000_100).await.unwrap_err();
        assert_eq!(fault(&error).path, "a", "lie {nth}: {error}");
        let error = store.get(&path).await.err();
        assert!(error.is_some(), "lie {nth}");
    }
}

#[tokio::test]
async fn an_object_that_is_replaced_between_requests_is_read_old_or_new_and_never_mixed() {
    let (old, new) = (painted(9 * MIB), Bytes::from(vec![9; 9 * MIB]));
    let ranges = [100..200, 5_000_000..5_000_100, 9_000_000..9_000_100];
    for ignores_tags in [false, true] {
        // Before which request it is replaced: of the opening, of the read, of those after it.
        for when in 0..8 {
            let probe = Probe::new();
            let path = Path::from("a");
            let store = store(&probe, StoreOptions::standard());
            store.put(&path, new.clone().into()).await.unwrap();
            let replacement = probe.stored("a").await;
            store.put(&path, old.clone().into()).await.unwrap();
            if ignores_tags {
                probe.ignore_tags();
            }
            probe.before(move |number| (number == when).then(|| replacement.clone()));
            let is_whole = |found: &[Bytes], of: &Bytes| {
                ranges.iter().zip(found).all(|(range, found)| {
                    *found == of.slice(range.start as usize..range.end as usize)
                })
            };
            match store.get_ranges(&path, &ranges).await {
                Ok(found) => assert!(is_whole(&found, &old) || is_whole(&found, &new), "{when}"),
                // A store that takes any tag for any object leaves it to the frames to tell.
                Err(error) => assert!(ignores_tags, "before request {when}: {error}"),
            }
            // Once it is settled, the new one is read.
            if probe.take().1.len() > when && !ignores_tags {
                let found = store.get_ranges(&path, &ranges).await.unwrap();
                assert!(is_whole(&found, &new), "{when}");
                assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == new);
            }
        }
    }
}

#[tokio::test]
async fn a_scan_that_began_goes_on_in_the_object_that_it_began_in() {
    let probe = Probe::new();
    let path = Path::from("a");
    let store = store(&probe, StoreOptions::standard());
    let (old, new) = (painted(9 * MIB), Bytes::from(vec![9; 9 * MIB]));
    store.put(&path, old.clone().into()).await.unwrap();
    let scan = store.get(&path).await.unwrap();
    store.put(&path, new.clone().into()).await.unwrap();
    assert!(scan.bytes().await.unwrap() == old);
    assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == new);
}

#[tokio::test]
async fn an_object_that_is_written_by_another_store_is_seen_at_once() {
    let probe = Probe::new();
    let path = Path::from("a");
    let (reader, writer) =
        (store(&probe, StoreOptions::standard()), store(&probe, StoreOptions::standard()));
    for text in ["first", "second, and longer", "3"] {
        writer.put(&path, text.into()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(reader.get(&path).await.unwrap().bytes().await.unwrap(), text);
            assert_eq!(
                reader.get_ranges(&path, std::slice::from_ref(&(0..1))).await.unwrap()[0],
                text[..1]
            );
        }
    }
    writer.delete(&path).await.unwrap();
    let error = reader.get(&path).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}
