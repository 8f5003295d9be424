//! The suite of `object_store` over a real server of S3, and what only a network shows.

use futures::TryStreamExt;
use futures::future::join_all;

use crate::probe::{key, painted};
use crate::s3_server::Server;
use crate::suite::pass;
use crate::{Sv2Store, object_store};
use object_store::aws::AmazonS3;
use object_store::integration::get_opts;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use sv2_object_store::{Sizes, StoreOptions};

const MIB: usize = 1 << 20;

fn store(server: &Server) -> Sv2Store<AmazonS3> {
    Sv2Store::new(server.client(), key(1), StoreOptions::standard())
}

#[tokio::test]
async fn the_suite_of_object_store_passes_over_s3() {
    for sizes in [Sizes::Derived, Sizes::Sealed] {
        let server = Server::start().await;
        let options = StoreOptions::standard().sizes(sizes);
        pass(&Sv2Store::new(server.client(), key(1), options), true).await;
    }
}

#[tokio::test]
async fn what_the_bare_server_fails_it_fails_without_the_store_as_well() {
    // It ignores conditions of reads, so the suite's part about them ends in a panic.
    let server = Server::start_bare().await;
    let (plain, sealed) = (server.client(), store(&server));
    let plain = tokio::spawn(async move { get_opts(&plain).await }).await;
    let sealed = tokio::spawn(async move { get_opts(&sealed).await }).await;
    assert!(plain.is_err() && sealed.is_err());
    // A range of the end that is longer than the object is an error there, which the store above
    // it does without.
    let (plain, sealed) = (server.client(), store(&server));
    let path = Path::from("short");
    plain.put(&path, "text".into()).await.unwrap();
    let end = object_store::GetOptions::new().with_range(Some(object_store::GetRange::Suffix(100)));
    let error = plain.get_opts(&path, end).await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error}");
    sealed.put(&path, "text".into()).await.unwrap();
    assert_eq!(sealed.get(&path).await.unwrap().bytes().await.unwrap(), "text");
}

#[tokio::test]
async fn an_object_of_s3_that_is_replaced_is_read_old_or_new_and_never_mixed() {
    // With the conditions of reads, and without them, where the tags of the answers tell.
    // Requests that race are mixed by the bare server itself, so it gets none.
    for (server, may_race) in [(Server::start().await, true), (Server::start_bare().await, false)] {
        let (reader, writer) = (store(&server), store(&server));
        let path = Path::from("a");
        let contents = [painted(5 * MIB), bytes::Bytes::from(vec![9; 5 * MIB])];
        writer.put(&path, contents[0].clone().into()).await.unwrap();
        let ranges = [100..200, 3_000_000..3_000_100, 5_000_000..5_000_100];
        let whole_of = |found: &[bytes::Bytes]| {
            contents.iter().position(|content| {
                ranges.iter().zip(found).all(|(range, found)| {
                    *found == content.slice(range.start as usize..range.end as usize)
                })
            })
        };
        // The reader has the first kept open when the second takes its place, and so on.
        for nth in 0..4 {
            let found = reader.get_ranges(&path, &ranges).await.unwrap();
            assert_eq!(whole_of(&found), Some(nth % 2));
            let body = reader.get(&path).await.unwrap();
            writer.put(&path, contents[(nth + 1) % 2].clone().into()).await.unwrap();
            // A body that began goes on in what it began in.
            assert!(body.bytes().await.unwrap() == contents[nth % 2]);
        }
        if !may_race {
            continue;
        }
        // And while both go on at the same time.
        let writes = async {
            for nth in 1..4 {
                writer.put(&path, contents[nth % 2].clone().into()).await.unwrap();
            }
        };
        let reads = async {
            for _ in 0..8 {
                match reader.get_ranges(&path, &ranges).await {
                    Ok(found) => assert!(whole_of(&found).is_some()),
                    // It was replaced over and over.
                    Err(error) => assert!(matches!(error, Error::Precondition { .. }), "{error}"),
                }
            }
        };
        futures::join!(writes, reads);
    }
}

#[tokio::test]
async fn an_upload_to_s3_is_whole_or_leaves_nothing() {
    let server = Server::start().await;
    let store = store(&server);
    let (path, plaintext) = (Path::from("a"), painted(33 * MIB + 17));
    let mut upload = store.put_multipart(&path).await.unwrap();
    upload.put_part(plaintext.slice(..20 * MIB).into()).await.unwrap();
    assert!(!server.unfinished().is_empty());
    upload.abort().await.unwrap();
    assert_eq!(server.unfinished(), Vec::<String>::new());
    assert!(store.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());

    let mut upload = store.put_multipart(&path).await.unwrap();
    let parts = (0..plaintext.len()).step_by(7 * MIB).map(|at| {
        let end = plaintext.len().min(at + 7 * MIB);
        upload.put_part(plaintext.slice(at..end).into())
    });
    let parts: Vec<_> = parts.collect();
    join_all(parts).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    upload.complete().await.unwrap();
    assert_eq!(server.unfinished(), Vec::<String>::new());
    assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == plaintext);
    assert_eq!(store.head(&path).await.unwrap().size, plaintext.len() as u64);
}
