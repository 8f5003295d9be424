//! Speed beside the same on plaintext and beside another store that encrypts, in one run.
//!
//! `cargo xtask engines --speed`; every figure is the best of some rounds that take turns.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anda_object_store::EncryptedStoreBuilder;
use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use futures::TryStreamExt;
use parquet::arrow::async_reader::ParquetObjectReader;
use parquet::arrow::{ArrowWriter, ParquetRecordBatchStreamBuilder, ProjectionMask};
use sv2_object_store::{StoreOptions, v0_13, v0_14};
use sv2_object_store_engines::{key, v0_14::Counting};

const ROUNDS: usize = 7;
const MIB: usize = 1 << 20;
const OBJECT_LEN: usize = 256 * MIB;
const ROWS: i64 = 4_000_000;

type Done<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done {
    scans().await?;
    objects().await
}

/// The time that something takes.
async fn time(work: impl Future<Output = Done>) -> Done<Duration> {
    let started = Instant::now();
    work.await?;
    Ok(started.elapsed())
}

/// Rows whose numbers look random to an encoder, as most data does.
fn rows(ids: std::ops::Range<i64>) -> Done<RecordBatch> {
    let mixed = |id: i64, by: i64, below: i64| (id * by % below) as f64 / 100.0;
    let distances = ids.clone().map(|id| mixed(id, 7_919, 1_000_003));
    let fares = ids.clone().map(|id| mixed(id, 104_729, 999_983));
    let notes: Vec<_> =
        ids.clone().map(|id| format!("trip {}", id * 48_271 % 2_147_483_647)).collect();
    Ok(RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from_iter_values(ids)) as _),
        ("distance", Arc::new(Float64Array::from_iter_values(distances)) as _),
        ("fare", Arc::new(Float64Array::from_iter_values(fares)) as _),
        ("note", Arc::new(StringArray::from(notes)) as _),
    ])?)
}

/// Scans of a Parquet file in memory, in plaintext and through the store.
async fn scans() -> Done {
    use object_store_013::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, rows(0..1)?.schema(), None)?;
    for start in (0..ROWS).step_by(100_000) {
        writer.write(&rows(start..start + 100_000)?)?;
    }
    writer.close()?;
    let file = Bytes::from(file);
    let stores: [Arc<dyn ObjectStore>; 2] = [
        Arc::new(InMemory::new()),
        Arc::new(v0_13::Sv2Store::new(InMemory::new(), key(), StoreOptions::standard())),
    ];
    let path = Path::from("trips.parquet");
    for store in &stores {
        store.put(&path, file.clone().into()).await?;
    }
    println!(
        "| {} MiB of Parquet, {ROWS} rows | plaintext | encrypted | ratio |",
        file.len() / MIB
    );
    println!("|---|---|---|---|");
    for (name, columns) in
        [("all columns", vec![0, 1, 2, 3]), ("one number of four columns", vec![2])]
    {
        let mut best = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (store, best) in stores.iter().zip(&mut best) {
                let scan = time(async {
                    let reader = ParquetObjectReader::new(store.clone(), path.clone());
                    let builder = ParquetRecordBatchStreamBuilder::new(reader).await?;
                    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.clone());
                    let batches = builder.with_projection(mask).build()?;
                    let found: Vec<RecordBatch> = batches.try_collect().await?;
                    let count: usize = found.iter().map(RecordBatch::num_rows).sum();
                    assert_eq!(count as i64, ROWS);
                    Ok(())
                });
                *best = scan.await?.min(*best);
            }
        }
        let [plain, sealed] = best.map(|time| time.as_secs_f64());
        println!("| {name} | {plain:.3} s | {sealed:.3} s | {:.2} |", sealed / plain);
    }
    println!();
    Ok(())
}

/// Objects and ranges of them: the store, and another that encrypts.
async fn objects() -> Done {
    use object_store_014::memory::InMemory;
    let memory = || Counting::new(InMemory::new());
    let (ours, theirs) = (memory(), memory());
    let sealed = v0_14::Sv2Store::new(ours.clone(), key(), StoreOptions::standard());
    let other = EncryptedStoreBuilder::with_secret(theirs.clone(), 10_000, [1; 32]).build();
    let word = |at: usize| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    let plaintext = Bytes::from((0..OBJECT_LEN / 8).flat_map(word).collect::<Vec<_>>());
    println!("| an object of 256 MiB in memory | `Sv2Store` | `EncryptedStore` |");
    println!("|---|---|---|");
    let sealed = object(&sealed, &ours, &plaintext).await?;
    let other = object(&other, &theirs, &plaintext).await?;
    for ((name, ours), (_, theirs)) in sealed.iter().zip(&other) {
        println!("| {name} | {ours} | {theirs} |");
    }
    Ok(())
}

/// What a store does with an object: names and figures.
async fn object(
    store: &impl object_store_014::ObjectStore,
    below: &Counting<object_store_014::memory::InMemory>,
    plaintext: &Bytes,
) -> Done<Vec<(&'static str, String)>> {
    use object_store_014::{ObjectStore, ObjectStoreExt, path::Path};
    let path = Path::from("object");
    let speed =
        |len: usize, time: Duration| format!("{:.2} GB/s", len as f64 / time.as_secs_f64() / 1e9);
    let mut best = [Duration::MAX; 4];
    let starts = (0..200_u64).map(|n| n * 1_300_000 + 77);
    let ranges: Vec<_> = starts.map(|start| start..start + 100_000).collect();
    let mut cost = below.take();
    for _ in 0..ROUNDS {
        let put = time(async {
            store.put(&path, plaintext.clone().into()).await?;
            Ok(())
        });
        best[0] = put.await?.min(best[0]);
        let get = time(async {
            let mut body = store.get(&path).await?.into_stream();
            let mut len = 0;
            while let Some(chunk) = body.try_next().await? {
                len += chunk.len();
            }
            assert_eq!(len, plaintext.len());
            Ok(())
        });
        best[1] = get.await?.min(best[1]);
        below.take();
        let get_ranges = time(async {
            let found = store.get_ranges(&path, &ranges).await?;
            assert_eq!(found[7], plaintext.slice(9_100_077..9_200_077));
            Ok(())
        });
        best[2] = get_ranges.await?.min(best[2]);
        cost = below.take();
        let small = time(async {
            for range in &ranges {
                store.get_range(&path, range.start..range.start + 100).await?;
            }
            Ok(())
        });
        best[3] = small.await?.min(best[3]);
    }
    let stored = below.list(None).try_collect::<Vec<_>>().await?;
    let stored: u64 = stored.iter().map(|meta| meta.size).sum();
    let requests = cost.reads + cost.heads;
    let each = best[3].as_secs_f64() * 1e6 / ranges.len() as f64;
    let over = (stored as f64 / plaintext.len() as f64 - 1.0) * 100.0;
    Ok(vec![
        ("put", speed(plaintext.len(), best[0])),
        ("get of all of it", speed(plaintext.len(), best[1])),
        ("200 ranges of 100 kB in one call", speed(ranges.len() * 100_000, best[2])),
        ("its requests and bytes", format!("{requests}, {:.1} MB", cost.bytes as f64 / 1e6)),
        ("100 bytes, one after the other", format!("{each:.1} us each")),
        ("bytes stored over plaintext", format!("{over:.3} %")),
    ])
}
