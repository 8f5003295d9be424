//! A SQLite database: a tree of pages, of which a query reads a path.

use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, params};
use sv2_formats::{Sealed, serve_database};

use crate::noise;

const ROWS: i64 = 12_000;

fn name(row: i64) -> String {
    format!("name {:05}", row * 7919 % ROWS)
}

fn blob(row: i64) -> Vec<u8> {
    noise(row as u64, 90 + (row % 50) as usize)
}

/// A database of a table and an index.
fn database() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.db");
    let mut connection = Connection::open(&path).expect("a database");
    let schema = "CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB);
                  CREATE INDEX by_name ON rows (name);";
    connection.execute_batch(schema).expect("a table");
    let transaction = connection.transaction().expect("a transaction");
    {
        let mut insert =
            transaction.prepare("INSERT INTO rows VALUES (?1, ?2, ?3)").expect("a statement");
        for row in 0..ROWS {
            insert.execute(params![row, name(row), blob(row)]).expect("a row");
        }
    }
    transaction.commit().expect("rows");
    drop(connection);
    std::fs::read(&path).expect("the file")
}

fn connect(vfs: &str) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags_and_vfs("rows.db", flags, vfs).expect("a database")
}

/// F-822, F-823
#[test]
fn queries_from_several_connections_open_a_few_frames_each() {
    let plaintext = database();
    let sealed = Sealed::new(&plaintext).expect("a stream");
    let (stream, touched) = sealed.open().expect("a sealed stream");
    serve_database("sealed", Arc::clone(&stream)).expect("a file system");

    let queries = [5, 4321, 11_999, 7000];
    std::thread::scope(|scope| {
        for row in queries {
            scope.spawn(move || {
                let connection = connect("sealed");
                let found: (i64, Vec<u8>) = connection
                    .query_row(
                        "SELECT id, content FROM rows WHERE name = ?1",
                        [name(row)],
                        |found| Ok((found.get(0)?, found.get(1)?)),
                    )
                    .expect("a row");
                assert_eq!(found, (row, blob(row)));
            });
        }
    });
    let few = touched.count();
    // Pages of 4 KiB: the root, an index of two levels or three, a table of as many.
    assert!(few < 4 * 4 * 8 && few < touched.total() / 8, "{few} of {}", touched.total());

    let connection = connect("sealed");
    let check: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(check, "ok");
    let mut rows =
        connection.prepare("SELECT id, name, content FROM rows ORDER BY id").expect("all");
    let rows = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("rows")
        .map(|row| row.expect("a row"));
    let mut count = 0;
    for (row, found) in rows.enumerate() {
        let row = row as i64;
        assert!(found == (row, name(row), blob(row)), "row {row}");
        count += 1;
    }
    assert_eq!(count, ROWS);
    assert_eq!(touched.count(), touched.total());
    let refused = connection.execute("DELETE FROM rows", []);
    assert!(refused.is_err(), "a sealed stream is read, not written");
}
