//! delta-rs over the store: create, append, time travel, and commits that collide.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::prelude::SessionContext;
use deltalake_core::kernel::transaction::TransactionError;
use deltalake_core::kernel::{DataType, PrimitiveType};
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use futures::future::join_all;
use object_store_013::memory::InMemory;
use object_store_013::{ObjectStore, ObjectStoreExt};
use sv2_object_store::StoreOptions;
use sv2_object_store::v0_13::Sv2Store;
use sv2_object_store_engines::delta::register;
use sv2_object_store_engines::key;
use url::Url;

/// A new store under a scheme of its own, and the URL of a table in it.
fn lake(scheme: &str) -> (Sv2Store<InMemory>, Url) {
    let store = Sv2Store::new(InMemory::new(), key(), StoreOptions::standard());
    register(scheme, store.clone());
    (store, Url::parse(&format!("{scheme}://lake/trips/")).unwrap())
}

fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
    let notes: Vec<_> = ids.clone().map(|id| format!("trip {id}")).collect();
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from_iter_values(ids)) as _),
        ("note", Arc::new(StringArray::from(notes)) as _),
    ])
    .unwrap()
}

async fn create(url: &Url) -> DeltaTable {
    let table = DeltaTable::try_from_url(url.clone()).await.unwrap();
    table
        .create()
        .with_column("id", DataType::Primitive(PrimitiveType::Long), true, None)
        .with_column("note", DataType::Primitive(PrimitiveType::String), true, None)
        .await
        .unwrap()
}

async fn open(url: &Url) -> DeltaTable {
    DeltaTableBuilder::from_url(url.clone()).unwrap().load().await.unwrap()
}

/// Rows of the table, and the sum of their numbers.
async fn count(table: &DeltaTable) -> (i64, i64) {
    let session = SessionContext::new();
    session.register_table("trips", table.table_provider().await.unwrap()).unwrap();
    let sql = "SELECT count(*), coalesce(sum(id), 0) FROM trips";
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    let of = |column: usize| {
        let column = batches[0].column(column);
        column.as_any().downcast_ref::<Int64Array>().unwrap().value(0)
    };
    (of(0), of(1))
}

#[tokio::test]
async fn a_table_is_created_appended_to_and_read_as_it_was() {
    let (store, url) = lake("sv2-travel");
    let table = create(&url).await;
    assert_eq!(table.version(), Some(0));
    let table = table.write([batch(0..1000)]).await.unwrap();
    let table = table.write([batch(1000..3000)]).await.unwrap();
    assert_eq!((table.version(), count(&table).await), (Some(2), (3000, 2999 * 3000 / 2)));
    // As it was, by another reader.
    for (version, rows) in [(0, 0), (1, 1000), (2, 3000)] {
        let builder = DeltaTableBuilder::from_url(url.clone()).unwrap();
        let then = builder.with_version(version).load().await.unwrap();
        assert_eq!(count(&then).await.0, rows, "version {version}");
    }
    // Log and files are streams, of which the store below can read nothing.
    let stored: Vec<_> = store.inner().list(None).try_collect().await.unwrap();
    assert!(stored.len() >= 5, "{stored:?}");
    for meta in stored {
        let bytes = store.inner().get(&meta.location).await.unwrap().bytes().await.unwrap();
        let path = meta.location.as_ref();
        assert!(path.starts_with("trips/"), "{path}");
        assert!(!bytes.starts_with(b"{") && !bytes.starts_with(b"PAR1"), "{path}");
        assert!(!bytes.windows(4).any(|word| word == b"note"), "{path}");
    }
}

#[tokio::test]
async fn commits_that_collide_are_a_conflict_and_the_table_is_as_the_first_left_it() {
    let (_, url) = lake("sv2-conflict");
    create(&url).await.write([batch(0..1000)]).await.unwrap();
    // Both saw version 1, and both take rows out of the same file.
    let (first, second) = (open(&url).await, open(&url).await);
    let (first, _) = first.delete().with_predicate("id < 100").await.unwrap();
    assert_eq!(first.version(), Some(2));
    let error = second.delete().with_predicate("id < 500").await.unwrap_err();
    let conflict = matches!(
        &error,
        DeltaTableError::Transaction { source: TransactionError::CommitConflict(_) }
    );
    assert!(conflict, "{error:?}");
    let now = open(&url).await;
    assert_eq!((now.version(), count(&now).await.0), (Some(2), 900));
}

#[tokio::test]
async fn appends_that_run_at_the_same_time_all_get_a_version() {
    let (_, url) = lake("sv2-race");
    create(&url).await;
    let writers = (0..6).map(|writer| {
        let url = url.clone();
        tokio::spawn(async move {
            let rows = batch(writer * 100..(writer + 1) * 100);
            open(&url).await.write([rows]).await.unwrap();
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let now = open(&url).await;
    assert_eq!((now.version(), count(&now).await), (Some(6), (600, 599 * 600 / 2)));
}
