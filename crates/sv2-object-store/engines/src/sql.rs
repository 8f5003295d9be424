//! A table of Parquet files that DataFusion writes and reads over any store.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::Result;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store_013::ObjectStore;
use url::Url;

/// A session in which `lake://trips` is the store.
///
/// # Panics
/// Never: the URL is one.
pub fn session(store: Arc<dyn ObjectStore>) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(2);
    let parquet = &mut config.options_mut().execution.parquet;
    // Rows that a filter leaves out are not decoded, and row groups are small enough to skip.
    parquet.pushdown_filters = true;
    parquet.reorder_filters = true;
    parquet.max_row_group_size = 50_000;
    let session = SessionContext::new_with_config(config);
    let url = Url::parse("lake://trips").expect("a URL");
    session.register_object_store(&url, store);
    session
}

/// Writes a table of so many rows, partitioned by year, and registers it as `trips`.
///
/// # Errors
/// What the engine or the store says.
pub async fn write_trips(session: &SessionContext, rows: u64) -> Result<()> {
    // The numbers look random to an encoder, as most data in a lake does.
    let copy = format!(
        "COPY (SELECT value AS id, 2020 + value % 4 AS year,
                 CAST(value * 7919 % 1000003 AS DOUBLE) / 100 AS distance,
                 CAST(value * 104729 % 999983 AS DOUBLE) / 100 AS fare,
                 CAST(value * 48271 % 2147483647 AS VARCHAR) || ' '
                   || CAST(value * 16807 % 2147483647 AS VARCHAR) AS note
               FROM generate_series(1, {rows}))
         TO 'lake://trips/' STORED AS PARQUET PARTITIONED BY (year)"
    );
    session.sql(&copy).await?.collect().await?;
    read_trips(session).await
}

/// Registers a table that was written before.
///
/// # Errors
/// What the engine or the store says.
pub async fn read_trips(session: &SessionContext) -> Result<()> {
    let create = "CREATE EXTERNAL TABLE trips STORED AS PARQUET PARTITIONED BY (year)
                  LOCATION 'lake://trips/'";
    session.sql(create).await?.collect().await?;
    Ok(())
}

/// The answer to a question, as batches.
///
/// # Errors
/// What the engine or the store says.
pub async fn ask(session: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    session.sql(sql).await?.collect().await
}

/// The answer as text.
///
/// # Errors
/// What the engine or the store says.
pub async fn ask_text(session: &SessionContext, sql: &str) -> Result<String> {
    Ok(pretty_format_batches(&ask(session, sql).await?)?.to_string())
}
