//! The objects are streams that everything else reads, under keys of every kind.

use std::path::Path as FilePath;

use crate::Sv2Store;
use crate::object_store;
use crate::probe::{Probe, painted};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};
use sv2_core::{
    DecryptOptions, EncryptOptions, InputSource, OutputSink, decrypt_stream_v2, encrypt_stream_v2,
};
use sv2_keys::{generate_identity, parse_identities};
use sv2_object_store::{AgeKeys, KeyError, RawKey, StoreOptions, StreamKey, key_by_path};

fn key(byte: u8) -> StreamKey {
    StreamKey::from_bytes([byte; 32])
}

#[tokio::test]
async fn the_engine_reads_what_the_store_wrote_and_the_store_what_the_engine_wrote() {
    let probe = Probe::new();
    let store = Sv2Store::new(probe.clone(), RawKey(key(1)), StoreOptions::standard());
    let plaintext = painted(5_000_000);
    store.put(&Path::from("a"), plaintext.clone().into()).await.unwrap();
    let sealed = probe.stored("a").await;
    let mut opened = Vec::new();
    let (input, output) = (InputSource::Memory(&sealed), OutputSink::Memory(&mut opened));
    decrypt_stream_v2(input, output, &key(1), &DecryptOptions::standard()).unwrap();
    assert!(opened == plaintext);

    let mut sealed = Vec::new();
    let (input, output) = (InputSource::Memory(&opened), OutputSink::Memory(&mut sealed));
    encrypt_stream_v2(input, output, &key(1), &EncryptOptions::standard()).unwrap();
    probe.store("b", sealed).await;
    assert!(store.get(&Path::from("b")).await.unwrap().bytes().await.unwrap() == plaintext);
    assert_eq!(store.head(&Path::from("b")).await.unwrap().size, 5_000_000);
}

#[tokio::test]
async fn an_object_opens_for_its_recipients_and_nobody_else() {
    let identity = || {
        let generated = generate_identity();
        let text = generated.expose_text().as_bytes().to_vec();
        let identities = move || parse_identities(&text, FilePath::new("identity")).unwrap();
        (generated.recipient().clone(), identities)
    };
    let ((anna, anna_key), (berta, berta_key), (_, other_key)) =
        (identity(), identity(), identity());
    let probe = Probe::new();
    let path = Path::from("a");
    let writer = AgeKeys::new(vec![anna, berta], Vec::new());
    let writer = Sv2Store::new(probe.clone(), writer, StoreOptions::standard());
    writer.put(&path, "for two".into()).await.unwrap();
    writer.get(&path).await.unwrap_err();
    for identities in [anna_key(), berta_key()] {
        let reader = AgeKeys::new(Vec::new(), identities);
        let reader = Sv2Store::new(probe.clone(), reader, StoreOptions::standard());
        assert_eq!(reader.head(&path).await.unwrap().size, 7);
        assert_eq!(reader.get(&path).await.unwrap().bytes().await.unwrap(), "for two");
        let error = reader.put(&path, "by nobody".into()).await.unwrap_err();
        assert!(matches!(error, Error::Unauthenticated { .. }), "{error}");
    }
    let other = Sv2Store::new(
        probe.clone(),
        AgeKeys::new(Vec::new(), other_key()),
        StoreOptions::standard(),
    );
    let error = other.get(&path).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
}

#[tokio::test]
async fn a_function_of_the_path_keeps_tenants_apart() {
    let probe = Probe::new();
    let keys = key_by_path(|path: &str| match path.split_once('/') {
        Some(("red", _)) => Ok(key(1)),
        Some(("blue", _)) => Ok(key(2)),
        _ => Err(KeyError::missing("no tenant has this path")),
    });
    let store = Sv2Store::shared(probe.clone().into(), keys, StoreOptions::standard());
    let (red, blue) = (Path::from("red/a"), Path::from("blue/a"));
    store.put(&red, "red".into()).await.unwrap();
    store.put(&blue, "blue".into()).await.unwrap();
    assert_eq!(store.get(&red).await.unwrap().bytes().await.unwrap(), "red");
    store.copy(&red, &blue).await.unwrap();
    let error = store.get(&blue).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
    let error = store.put(&Path::from("green/a"), "".into()).await.unwrap_err();
    assert!(matches!(error, Error::Unauthenticated { .. }), "{error}");
}
