//! Uploads by parts: in any order, in equal parts, and all or nothing.

use futures::TryStreamExt;
use futures::future::join_all;

use crate::object_store;
use crate::probe::{Probe, painted, store};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sv2_object_store::{ObjectError, ObjectFault, StoreOptions};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn parts_of_any_length_leave_in_equal_parts() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard().part_size(5 << 20));
    let (path, plaintext) = (Path::from("a"), painted(33 * MIB + 17));
    let mut upload = store.put_multipart(&path).await.unwrap();
    let (mut parts, mut at) = (Vec::new(), 0);
    for len in [3 * MIB, 7 * MIB + 1, 0, 1, 11 * MIB, 9 * MIB, usize::MAX] {
        let end = at + len.min(plaintext.len() - at);
        parts.push(upload.put_part(plaintext.slice(at..end).into()));
        at = end;
    }
    // Awaited from the last to the first, and all at the same time.
    parts.reverse();
    join_all(parts).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    upload.complete().await.unwrap();
    let (last, equal) = probe.parts().split_last().map(|(l, e)| (*l, e.to_vec())).unwrap();
    assert!(equal.len() >= 6 && equal.iter().all(|&len| len == 5 * MIB), "{equal:?}");
    assert!(last <= 5 * MIB);
    assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == plaintext);
    assert_eq!(store.head(&path).await.unwrap().size, plaintext.len() as u64);
}

#[tokio::test]
async fn long_parts_stay_as_few_as_the_caller_made_them() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let (path, plaintext) = (Path::from("a"), painted(40 * MIB));
    let mut upload = store.put_multipart(&path).await.unwrap();
    for at in (0..40 * MIB).step_by(20 * MIB) {
        upload.put_part(plaintext.slice(at..at + 20 * MIB).into()).await.unwrap();
    }
    upload.complete().await.unwrap();
    assert!(probe.parts().len() <= 3, "{:?}", probe.parts());
    assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == plaintext);
}

#[tokio::test]
async fn an_upload_without_parts_is_an_empty_object() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let path = Path::from("a");
    store.put_multipart(&path).await.unwrap().complete().await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "");
}

#[tokio::test]
async fn an_abort_leaves_nothing_and_ends_the_upload() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let path = Path::from("a");
    let mut upload = store.put_multipart(&path).await.unwrap();
    upload.put_part(painted(20 * MIB).into()).await.unwrap();
    let left = upload.put_part(painted(20 * MIB).into());
    upload.abort().await.unwrap();
    assert!(probe.was_aborted());
    left.await.unwrap_err();
    let error = upload.complete().await.unwrap_err();
    let fault = ObjectError::in_chain(&error).unwrap();
    assert!(matches!(fault.fault, ObjectFault::UploadOver), "{error}");
    assert!(probe.memory.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_part_that_fails_is_named_and_the_object_is_never_completed() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard().part_size(5 << 20));
    let path = Path::from("a");
    probe.fail_part(3);
    let mut upload = store.put_multipart(&path).await.unwrap();
    let parts = (0..4).map(|_| upload.put_part(painted(8 * MIB).into())).collect::<Vec<_>>();
    let failed: Vec<_> = join_all(parts).await.into_iter().filter_map(Result::err).collect();
    // Parts are as long as the first of the caller's, so each fills one.
    let part = |error: &object_store::Error| match ObjectError::in_chain(error) {
        Some(ObjectError { fault: ObjectFault::Part { part, .. }, .. }) => *part,
        _ => panic!("no part in: {error:?}"),
    };
    assert_eq!(failed.iter().map(part).collect::<Vec<_>>(), [3]);
    assert!(failed[0].to_string().contains("part 3"), "{}", failed[0]);
    assert_eq!(part(&upload.complete().await.unwrap_err()), 3);
    assert!(probe.memory.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_part_that_nobody_awaited_is_missed() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let path = Path::from("a");
    let mut upload = store.put_multipart(&path).await.unwrap();
    upload.put_part(painted(9 * MIB).into()).await.unwrap();
    drop(upload.put_part(painted(9 * MIB).into()));
    upload.put_part(painted(9 * MIB).into()).await.unwrap();
    let error = upload.complete().await.unwrap_err();
    let fault = ObjectError::in_chain(&error).unwrap();
    assert!(matches!(fault.fault, ObjectFault::Part { part: 2, .. }), "{error}");
    assert!(probe.memory.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upload_holds_no_more_than_a_segment_and_a_part_of_what_was_awaited() {
    let probe = Probe::new();
    let part_size = 5 * MIB;
    let store = store(&probe, StoreOptions::standard().part_size(part_size as u64));
    let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
    let plaintext = painted(7 * MIB);
    let (mut came, mut given) = (0, 0);
    for len in [MIB, 5 * MIB, 3 * MIB, 1, 4 * MIB, 7 * MIB, 2 * MIB].repeat(4) {
        upload.put_part(plaintext.slice(..len).into()).await.unwrap();
        came += len;
        given = probe.parts().iter().sum();
        // Less than a segment waits to be sealed, and less than a part to be sent.
        assert!(given + 4 * MIB + part_size > came, "{} of {came} bytes are held", came - given);
    }
    assert!(given > came / 2);
    upload.abort().await.unwrap();
}

#[tokio::test]
async fn an_upload_whose_end_is_not_stored_is_an_error_and_no_object() {
    let probe = Probe::new();
    let store = store(&probe, StoreOptions::standard());
    let path = Path::from("a");
    store.put(&path, "before".into()).await.unwrap();
    let mut upload = store.put_multipart(&path).await.unwrap();
    for _ in 0..2 {
        upload.put_part(painted(9 * MIB).into()).await.unwrap();
    }
    // The first part that `complete` itself sends: the end of the plaintext, and the seal.
    probe.fail_part(probe.parts().len() + 1);
    let error = upload.complete().await.unwrap_err();
    let fault = ObjectError::in_chain(&error).unwrap();
    assert!(matches!(fault.fault, ObjectFault::Part { part: 3, .. }), "{error}");
    upload.complete().await.unwrap_err();
    upload.abort().await.unwrap();
    assert!(probe.was_aborted());
    // What was there before is there still.
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "before");
    assert_eq!(probe.memory.list(None).try_collect::<Vec<_>>().await.unwrap().len(), 1);
}
