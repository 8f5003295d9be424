//! SQL over a partitioned table of encrypted Parquet files.
//!
//! `cargo run -p sv2-object-store-engines --example encrypted_lake`

use std::error::Error;
use std::path::Path as File;
use std::sync::Arc;

use object_store_013::local::LocalFileSystem;
use sv2_keys::{generate_identity, parse_identities};
use sv2_object_store::v0_13::Sv2Store;
use sv2_object_store::{AgeKeys, StoreOptions};
use sv2_object_store_engines::sql::{ask_text, session, write_trips};

#[tokio::main]
#[allow(clippy::print_stdout, reason = "an example shows what it did")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Any store does: S3, a folder, memory.
    let folder = tempfile::tempdir()?;
    let below = LocalFileSystem::new_with_prefix(folder.path())?;

    // Whoever holds the identity reads the table; back it up.
    let identity = generate_identity();
    let readers = parse_identities(identity.expose_text().as_bytes(), File::new("identity.txt"))?;
    let keys = AgeKeys::new(vec![identity.recipient().clone()], readers);
    let store = Sv2Store::new(below, keys, StoreOptions::standard());

    // From here on, DataFusion works as it does over any store.
    let session = session(Arc::new(store));
    write_trips(&session, 400_000).await?;
    let question = "SELECT count(*) AS trips, sum(fare) AS fares FROM trips
                    WHERE year = 2022 AND id > 350000";
    println!("{}", ask_text(&session, &format!("EXPLAIN {question}")).await?);
    println!("{}", ask_text(&session, question).await?);
    Ok(())
}
