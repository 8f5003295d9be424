//! Keys that are missing, refused, wrong, or not to be had now: four kinds of errors.

use std::path::Path as FilePath;

use crate::Sv2Store;
use crate::object_store;
use crate::probe::{Probe, key, store};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};
use sv2_keys::{generate_identity, parse_identities};
use sv2_object_store::{
    AgeKeys, KeyError, KeyOpener, KeyProvider, NewKey, ObjectError, ReadKey, Section, Sizes,
    StoreOptions, StreamKey, key_by_path,
};

/// The kinds of errors of a store that this is about.
#[derive(Debug, PartialEq)]
enum Kind {
    Unauthenticated,
    PermissionDenied,
    Generic,
}

fn kind(error: &Error) -> Kind {
    match error {
        Error::Unauthenticated { path, .. } if path == "a" => Kind::Unauthenticated,
        Error::PermissionDenied { path, .. } if path == "a" => Kind::PermissionDenied,
        Error::Generic { .. } => Kind::Generic,
        other => panic!("no error of a key: {other:?}"),
    }
}

type Why = fn() -> KeyError;
const KINDS: [(Why, Kind); 3] = [
    (|| KeyError::missing("no tenant has this path"), Kind::Unauthenticated),
    (|| KeyError::refused("the policy says no"), Kind::PermissionDenied),
    (|| KeyError::unavailable("the key service did not answer"), Kind::Generic),
];

#[tokio::test]
async fn what_a_provider_says_is_the_kind_of_the_error() {
    let probe = Probe::new();
    let path = Path::from("a");
    store(&probe, StoreOptions::standard()).put(&path, "text".into()).await.unwrap();
    for (why, expected) in KINDS {
        let keys = key_by_path(move |_: &str| Err(why()));
        for sizes in [Sizes::Derived, Sizes::Sealed] {
            let options = StoreOptions::standard().sizes(sizes);
            let store = Sv2Store::shared(probe.clone().into(), keys.clone(), options);
            let errors = [
                store.get(&path).await.unwrap_err(),
                store.get_range(&path, 0..1).await.unwrap_err(),
                store.put(&path, "more".into()).await.unwrap_err(),
                store.put_multipart(&path).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(kind(&error), expected, "{error}");
                assert!(error.to_string().contains(&why().to_string()), "{error}");
            }
            if sizes == Sizes::Sealed {
                assert_eq!(kind(&store.head(&path).await.unwrap_err()), expected);
            }
        }
    }
    // Nothing of this was taken for an object that is not there, and what is there is whole.
    let found = store(&probe, StoreOptions::standard()).get(&path).await.unwrap();
    assert_eq!(found.bytes().await.unwrap(), "text");
}

/// Slots of a key service that is asked when an object is read.
#[derive(Debug)]
struct Service(Why);

impl KeyProvider for Service {
    fn new_key(&self, _: &str) -> Result<NewKey, KeyError> {
        let key = StreamKey::generate().map_err(KeyError::unavailable)?;
        let slots = vec![Section { kind: 1, body: b"\x80\x01name".to_vec() }];
        Ok(NewKey { key, slots })
    }

    fn read_key(&self, _: &str) -> Result<ReadKey<'_>, KeyError> {
        Ok(ReadKey::Slots(self))
    }
}

impl KeyOpener for Service {
    fn open_key(
        &self,
        _: &[Section],
        _: &mut dyn FnMut(&StreamKey) -> bool,
    ) -> Result<StreamKey, Box<dyn std::error::Error + Send + Sync>> {
        Err((self.0)().into())
    }
}

#[tokio::test]
async fn what_an_opener_of_slots_says_is_the_kind_of_the_error() {
    for (why, expected) in KINDS {
        let store = Sv2Store::new(Probe::new(), Service(why), StoreOptions::standard());
        let path = Path::from("a");
        store.put(&path, "text".into()).await.unwrap();
        let error = store.get(&path).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{error}");
        let told = ObjectError::in_chain(&error).unwrap().key_error().unwrap();
        assert_eq!(told.to_string(), why().to_string());
    }
}

#[tokio::test]
async fn a_wrong_key_is_a_lack_of_permission_and_a_missing_one_a_lack_of_identity() {
    let probe = Probe::new();
    let path = Path::from("a");
    let identity = || {
        let generated = generate_identity();
        let text = generated.expose_text().as_bytes().to_vec();
        let identities = parse_identities(&text, FilePath::new("identity")).unwrap();
        (generated.recipient().clone(), identities)
    };
    let ((recipient, _), (_, other)) = (identity(), identity());
    let writer = AgeKeys::new(vec![recipient], Vec::new());
    let writer = Sv2Store::new(probe.clone(), writer, StoreOptions::standard());
    writer.put(&path, "text".into()).await.unwrap();
    // One that only writes has no key to read with, and the other way round.
    assert_eq!(kind(&writer.get(&path).await.unwrap_err()), Kind::Unauthenticated);
    let other = AgeKeys::new(Vec::new(), other);
    let other = Sv2Store::new(probe.clone(), other, StoreOptions::standard());
    assert_eq!(kind(&other.put(&path, "more".into()).await.unwrap_err()), Kind::Unauthenticated);
    // Slots that do not open, and a raw key that does not fit.
    let error = other.get(&path).await.unwrap_err();
    assert_eq!(kind(&error), Kind::PermissionDenied, "{error}");
    assert!(ObjectError::in_chain(&error).unwrap().key_error().is_none());
    store(&probe, StoreOptions::standard()).put(&path, "raw".into()).await.unwrap();
    let wrong = Sv2Store::new(probe, key(2), StoreOptions::standard());
    assert_eq!(kind(&wrong.get(&path).await.unwrap_err()), Kind::PermissionDenied);
}
