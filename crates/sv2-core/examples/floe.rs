//! The crate `fast-floe` as a program, so that `cargo xtask bench` can measure it beside others.
//!
//!     floe encrypt|decrypt [FILE]
//!
//! Reads FILE or standard input and writes standard output, in segments of 1 MiB, under a key that
//! everybody knows: it measures and protects nothing.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};

use fast_floe::io::{DecryptReader, EncryptWriter};
use fast_floe::{Key, Parameters};

/// Bytes that are moved at a time, as many as a segment has.
const PIECE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    let input: Box<dyn Read> = match args.next() {
        Some(name) => Box::new(File::open(name)?),
        None => Box::new(io::stdin().lock()),
    };
    // A file has no buffer of lines between it and whoever writes large pieces.
    let output = File::options().write(true).open("/dev/stdout")?;
    let key = Key::from_bytes([7; 32]);
    match verb.as_str() {
        "encrypt" => {
            let mut writer = EncryptWriter::new(output, &key, b"", Parameters::SEGMENT_1_MIB)?;
            pour(input, &mut writer)?;
            writer.finish().map_err(|error| error.into_error())?;
        }
        "decrypt" => pour(DecryptReader::new(input, &key, b"")?, &mut { output })?,
        _ => return Err("usage: floe encrypt|decrypt [FILE]".into()),
    }
    Ok(())
}

fn pour(mut from: impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            count => to.write_all(&piece[..count])?,
        }
    }
}
