//! A Parquet file: its footer says where the chunks of each column are.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use sv2_formats::{Chunks, Sealed};

use crate::noise;

const GROUPS: i64 = 12;
const ROWS: i64 = 2000;

fn id(group: i64, row: i64) -> i64 {
    (group * ROWS + row) * 7919
}

fn text(group: i64, row: i64) -> Vec<u8> {
    let noise = noise((group * ROWS + row) as u64, 12);
    noise.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn value(group: i64, row: i64) -> f64 {
    (group * ROWS + row) as f64 / 3.0
}

fn file() -> Vec<u8> {
    let schema = "message rows { required int64 id; required binary text (UTF8); \
                  required double value; }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, schema, Arc::new(properties)).expect("a file");
    for group in 0..GROUPS {
        let mut rows = writer.next_row_group().expect("a group");
        let ids: Vec<i64> = (0..ROWS).map(|row| id(group, row)).collect();
        let mut column = rows.next_column().expect("a column").expect("the first");
        column.typed::<Int64Type>().write_batch(&ids, None, None).expect("ids");
        column.close().expect("a column");
        let texts: Vec<ByteArray> = (0..ROWS).map(|row| text(group, row).into()).collect();
        let mut column = rows.next_column().expect("a column").expect("the second");
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).expect("texts");
        column.close().expect("a column");
        let values: Vec<f64> = (0..ROWS).map(|row| value(group, row)).collect();
        let mut column = rows.next_column().expect("a column").expect("the third");
        column.typed::<DoubleType>().write_batch(&values, None, None).expect("values");
        column.close().expect("a column");
        rows.close().expect("a group");
    }
    writer.close().expect("a footer");
    file
}

/// F-822, F-823
#[test]
fn one_column_of_one_group_opens_its_own_frames_alone() {
    let plaintext = file();
    let sealed = Sealed::new(&plaintext).expect("a stream");
    let (stream, touched) = sealed.open().expect("a sealed stream");
    let reader = SerializedFileReader::new(Chunks(Arc::clone(&stream))).expect("a file");
    assert_eq!(reader.metadata().num_row_groups() as i64, GROUPS);
    let footer = touched.count();
    assert!(footer < 20, "{footer} frames for the footer");

    std::thread::scope(|scope| {
        for group in [2, 9] {
            let reader = &reader;
            scope.spawn(move || {
                let rows = reader.get_row_group(group as usize).expect("a group");
                let mut column = rows.get_column_reader(0).expect("a column");
                let parquet::column::reader::ColumnReader::Int64ColumnReader(ids) = &mut column
                else {
                    panic!("ids are integers of 64 bits")
                };
                let mut found = Vec::new();
                ids.read_records(ROWS as usize, None, None, &mut found).expect("ids");
                let wanted: Vec<i64> = (0..ROWS).map(|row| id(group, row)).collect();
                assert!(found == wanted, "group {group}");
            });
        }
    });
    // Two chunks of 8 bytes a row, and what a chunk has beside its values.
    let few = touched.count() - footer;
    let at_least = 2 * 8 * ROWS as u64 / 1024;
    assert!((at_least..at_least + 12).contains(&few), "{few} frames for {at_least} KiB");
    assert!(few < touched.total() / 10, "{few} of {}", touched.total());

    let mut number = 0;
    for row in reader.get_row_iter(None).expect("rows") {
        let row = row.expect("a row");
        let (group, at) = (number / ROWS, number % ROWS);
        assert_eq!(row.get_long(0).expect("an id"), id(group, at));
        assert_eq!(row.get_string(1).expect("a text").as_bytes(), text(group, at));
        assert_eq!(row.get_double(2).expect("a value").to_bits(), value(group, at).to_bits());
        number += 1;
    }
    assert_eq!(number, GROUPS * ROWS);
}
