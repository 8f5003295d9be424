//! Random ranges: that they are the plaintext, and what they cost.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sv2_core::{DecryptOptions, InputSource, KeySource, StreamReader, Suite, fastest_backend};
use sv2_crypto::RootKeys;
use sv2_crypto::hazmat::segment_cipher;

use crate::{Bed, Dice, Result, plaintext, spread};

const RANGES: u64 = 10_000;
const ROUNDS: usize = 2000;
/// Plaintext of one frame of the standard geometry, and what lies around it on the wire.
const FRAME: u64 = 64 << 10;
const SEGMENT: u64 = 4 << 20;

fn open(bed: &Bed) -> Result<StreamReader<'static>> {
    let source = InputSource::File(File::open(&bed.stream)?);
    let key = KeySource::Key(&bed.key);
    Ok(StreamReader::open(source, &key, &DecryptOptions::standard())?)
}

/// Compares random ranges of random lengths with the plaintext, on two threads.
pub(crate) fn check(bed: &Bed) -> Result<()> {
    let reader = Arc::new(open(bed)?);
    let wrong = std::thread::scope(|scope| {
        let halves = [1, 2].map(|seed| {
            let reader = &reader;
            scope.spawn(move || {
                let mut dice = Dice(seed << 40);
                let (mut found, mut wanted) = (Vec::new(), Vec::new());
                for _ in 0..RANGES / 2 {
                    let offset = dice.below(bed.len);
                    let magnitude = 1 + dice.below(20);
                    let len = 1 + dice.below(1 << magnitude);
                    let len = len.min(bed.len - offset);
                    found.resize(len as usize, 0);
                    wanted.resize(len as usize, 0);
                    plaintext::fill(offset, &mut wanted);
                    match reader.read_at(&mut found, offset) {
                        Ok(count) if count as u64 == len && found == wanted => {}
                        other => return Some((offset, len, format!("{other:?}"))),
                    }
                }
                None
            })
        });
        let panicked = |_| Some((0, 0, "a thread panicked".to_owned()));
        halves.into_iter().find_map(|half| half.join().unwrap_or_else(panicked))
    });
    if let Some((offset, len, how)) = wrong {
        return Err(format!("{len} bytes at {offset} are not the plaintext: {how}").into());
    }
    println!("ranges: {RANGES} random ranges of 1 byte to 1 MiB equal the plaintext");
    Ok(())
}

/// Times reads of 64 KiB at random places, in turns with a plain read of as many wire bytes and
/// one frame opened by the cipher alone.
pub(crate) fn measure(bed: &Bed) -> Result<()> {
    let suite = Suite::Aes256Gcm;
    let keys = RootKeys::derive(&bed.key, &[0; 48], b"");
    let cipher = segment_cipher(&keys.segments_key(), &[0; 56], suite, fastest_backend(suite))?;
    let mut sealed = vec![7; FRAME as usize];
    let tag = cipher.seal(0, &mut sealed)?;
    let reader = open(bed)?;
    let file = File::open(&bed.stream)?;
    let mut dice = Dice(7);
    let mut out = vec![0; FRAME as usize];
    let mut wire = vec![0; FRAME as usize + 32];
    let mut ciphertext = sealed.clone();
    for (name, aligned) in [("one frame", true), ("any offset", false)] {
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let frame = dice.below(bed.len / FRAME - 1);
            let within = if aligned { 0 } else { dice.below(FRAME) };
            let begun = Instant::now();
            reader.read_at(&mut out, frame * FRAME + within)?;
            ours.push(begun.elapsed());
            black_box(&out);

            // Another frame, so that neither warms the other's bytes.
            let frame = dice.below(bed.len / FRAME - 1);
            let segment = frame * FRAME / SEGMENT;
            let offset = 1024 + segment * (72 + SEGMENT + 64 * 32) + 64 + frame % 64 * (FRAME + 32);
            ciphertext.copy_from_slice(&sealed);
            let begun = Instant::now();
            file.read_exact_at(&mut wire, offset)?;
            cipher.open(0, &mut ciphertext, &tag)?;
            plain.push(begun.elapsed());
            black_box((&wire, &ciphertext));
        }
        let (ours, plain) = (spread(ours), spread(plain));
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        println!(
            "64 KiB at random, {name}: median {:.1} us (fastest {:.1}), plain read and one open \
             {:.1} us (fastest {:.1}), ratio of medians {:.2}",
            micros(ours.0),
            micros(ours.1),
            micros(plain.0),
            micros(plain.1),
            ours.0.as_secs_f64() / plain.0.as_secs_f64()
        );
    }
    Ok(())
}
