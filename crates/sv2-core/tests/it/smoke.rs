//! smoke
use sv2_core::*;
#[test]
fn smoke() {
    for len in [0usize, 1, 255, 256, 257, 1023, 1024, 1025, 5000, 100_000] {
        let plain: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let key = StreamKey::from_bytes([7; 32]);
        let mut options = EncryptOptions::standard();
        options.geometry = Geometry::new(8, 2).unwrap();
        let mut wire = Vec::new();
        let r = encrypt_stream_v2(
            InputSource::Memory(&plain),
            OutputSink::Memory(&mut wire),
            &key,
            &options,
        )
        .unwrap();
        eprintln!("{:?} {}", r.driver, r.bytes_out);
        assert_eq!(wire.len() as u64, r.bytes_out);
        let mut out = Vec::new();
        let r = decrypt_stream_v2(
            InputSource::Memory(&wire),
            OutputSink::Memory(&mut out),
            &key,
            &DecryptOptions::standard(),
        )
        .unwrap();
        eprintln!("{:?} {}", r.driver, r.bytes_out);
        assert!(out == plain);
        let mut out = Vec::new();
        let r = decrypt_stream_v2(
            InputSource::Reader(Box::new(&wire[..])),
            OutputSink::Writer(Box::new(&mut out)),
            &key,
            &DecryptOptions::standard(),
        )
        .unwrap();
        eprintln!("{:?} {}", r.driver, r.bytes_out);
        assert!(out == plain);
    }
}
