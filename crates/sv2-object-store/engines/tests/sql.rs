//! DataFusion over encrypted Parquet: writing, asking, and what that costs.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store_013::memory::InMemory;
use object_store_013::path::Path;
use object_store_013::{ObjectMeta, ObjectStore, ObjectStoreExt};
use sv2_object_store::v0_13::Sv2Store;
use sv2_object_store::{FormatError, ObjectError, ObjectFault, StoreOptions};
use sv2_object_store_engines::key;
use sv2_object_store_engines::sql::{ask, ask_text, read_trips, session, write_trips};
use sv2_object_store_engines::v0_13::Counting;

const ROWS: u64 = 400_000;
/// What an opening reads at most: header and end.
const OPENING: u64 = 68 << 10;
/// A standard frame with what lies around it.
const FRAME: u64 = (64 << 10) + 64;

/// A store that counts the plaintext that an engine asks for, over one that counts the ciphertext
/// that this costs.
type Lake = Counting<Sv2Store<Counting<InMemory>>>;

fn lake(memory: Counting<InMemory>) -> Lake {
    Counting::new(Sv2Store::new(memory, key(), StoreOptions::standard()))
}

async fn objects(store: &impl ObjectStore) -> Vec<ObjectMeta> {
    store.list(None).try_collect().await.unwrap()
}

const QUESTION: &str = "SELECT count(*) AS trips, sum(fare) AS fares FROM trips
                        WHERE year = 2022 AND id > 350000";

#[tokio::test]
async fn a_partitioned_table_is_written_through_the_store_and_answers_as_plaintext_does() {
    let lake = lake(Counting::new(InMemory::new()));
    let sealed = session(Arc::new(lake.clone()));
    write_trips(&sealed, ROWS).await.unwrap();
    let plain = session(Arc::new(InMemory::new()));
    write_trips(&plain, ROWS).await.unwrap();
    for question in [
        QUESTION,
        "SELECT year, count(*), min(id), max(note) FROM trips GROUP BY year ORDER BY year",
        "SELECT * FROM trips WHERE distance < 0.5 ORDER BY id",
    ] {
        let answer = ask_text(&sealed, question).await.unwrap();
        assert_eq!(answer, ask_text(&plain, question).await.unwrap());
        assert!(answer.lines().count() > 4, "{answer}");
    }
    // One folder for each year, of streams that are no Parquet.
    let stored = lake.inner().inner();
    let found = objects(stored).await;
    for year in 2020..2024 {
        let folder = Path::from(format!("year={year}"));
        assert!(found.iter().any(|meta| meta.location.prefix_matches(&folder)), "{found:?}");
    }
    for meta in &found {
        let bytes = stored.get(&meta.location).await.unwrap().bytes().await.unwrap();
        assert!(!bytes.starts_with(b"PAR1") && !bytes.ends_with(b"PAR1"));
        assert!(lake.inner().plaintext_len(bytes.len() as u64).is_some());
    }
    // Another store over the same objects finds the table.
    let other = session(Arc::new(self::lake(stored.clone())));
    read_trips(&other).await.unwrap();
    let answer = ask_text(&other, QUESTION).await.unwrap();
    assert_eq!(answer, ask_text(&plain, QUESTION).await.unwrap());
}

#[tokio::test]
async fn projection_and_filter_are_pushed_down_to_the_frames() {
    let memory = Counting::new(InMemory::new());
    let writer = session(Arc::new(lake(memory.clone())));
    write_trips(&writer, ROWS).await.unwrap();
    let plan = ask_text(&writer, &format!("EXPLAIN {QUESTION}")).await.unwrap();
    // One year's files alone, one column beside that of the filter, and row groups by their
    // statistics.
    for part in ["year=2022/", "projection=[fare]", "predicate=id@0 > 350000", "pruning_predicate"]
    {
        assert!(plan.contains(part), "no {part} in\n{plan}");
    }
    assert!(!plan.contains("year=2021/"), "{plan}");

    let stored: u64 = objects(&memory).await.iter().map(|meta| meta.size).sum();
    let lake = lake(memory.clone());
    let reader = session(Arc::new(lake.clone()));
    read_trips(&reader).await.unwrap();
    lake.take();
    memory.take();
    ask(&reader, QUESTION).await.unwrap();
    let (plain, wire) = (lake.take(), memory.take());
    assert!(wire.bytes * 10 < stored, "{wire:?} of {stored} bytes for {plain:?}");
}

/// Asks by an engine that has read nothing before, from the schema of the table on.
async fn ask_cold(store: impl ObjectStore, question: &str) {
    let reader = session(Arc::new(store));
    read_trips(&reader).await.unwrap();
    ask(&reader, question).await.unwrap();
}

#[tokio::test]
async fn a_scan_costs_a_tenth_more_than_plaintext_and_frames_at_the_edges() {
    let memory = Counting::new(InMemory::new());
    let writer = lake(memory.clone());
    write_trips(&session(Arc::new(writer.clone())), 4 * ROWS).await.unwrap();
    // The same files in plaintext.
    let plain = Counting::new(InMemory::new());
    let files = objects(&writer).await;
    for meta in &files {
        let bytes = writer.get(&meta.location).await.unwrap().bytes().await.unwrap();
        plain.put(&meta.location, bytes.into()).await.unwrap();
    }
    let files = files.len() as u64;
    for question in [
        "SELECT sum(fare) FROM trips",
        "SELECT sum(fare), sum(distance) FROM trips WHERE year = 2021",
        "SELECT sum(distance) FROM trips WHERE id > 1000000",
        "SELECT * FROM trips",
    ] {
        plain.take();
        ask_cold(plain.clone(), question).await;
        let engine = plain.take();
        let lake = lake(memory.clone());
        memory.take();
        ask_cold(lake.clone(), question).await;
        let (asked, wire) = (lake.take(), memory.take());
        // The engine asks for the same whether it is encrypted or not.
        assert_eq!(asked, engine, "{question}");
        let edges = engine.reads * 2 * FRAME + files * OPENING;
        let told = format!("{question}: {engine:?} of plaintext, {wire:?} of ciphertext");
        assert!(wire.bytes <= engine.bytes * 11 / 10 + edges, "{told}");
        // A range is no more than a request, and an object two to open it.
        assert!(wire.reads + wire.heads <= engine.reads + engine.heads + 2 * files, "{told}");
    }
}

#[tokio::test]
async fn damage_below_an_engine_is_found_in_its_error_with_path_segment_and_frame() {
    let store = Sv2Store::new(InMemory::new(), key(), StoreOptions::standard());
    write_trips(&session(Arc::new(store.clone())), ROWS).await.unwrap();
    // In the second frame of one file, where a column is.
    let meta = objects(store.inner()).await.remove(0);
    let mut bytes =
        store.inner().get(&meta.location).await.unwrap().bytes().await.unwrap().to_vec();
    bytes[100_000] ^= 1;
    store.inner().put(&meta.location, bytes.into()).await.unwrap();
    let reader = session(Arc::new(store));
    read_trips(&reader).await.unwrap();
    let error = ask(&reader, "SELECT * FROM trips").await.unwrap_err();
    let found = ObjectError::in_chain(&error).unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(found.path, meta.location.to_string());
    assert_eq!((found.segment(), found.frame()), (Some(0), Some(1)));
    let is_damage =
        matches!(found.fault, ObjectFault::Stream(FormatError::ChecksumMismatch { .. }));
    assert!(is_damage, "{error}");
}
