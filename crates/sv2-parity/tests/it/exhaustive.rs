//! All patterns of damage in small windows.

use sv2_parity::{Geometry, ParityError};

use crate::support::{Dice, parity_of, repaired};

const BLOCK: usize = 64;

/// Every choice of `count` of `0..from`.
fn choices(from: usize, count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for last in count - 1..from {
        all.extend(choices(last, count - 1).into_iter().map(|mut choice| {
            choice.push(last);
            choice
        }));
    }
    all
}

/// Damages the blocks of a file of one window, first data and then parity, in every pattern.
fn check_every_pattern(data: u16, parity: u16, len: usize, most: usize) {
    let geometry = Geometry::new(6, data, data, parity).unwrap();
    let file = Dice::new(u64::from(data)).bytes(len);
    let sidecar = parity_of(&file, geometry);
    let blocks = len.div_ceil(BLOCK);
    let parity = usize::from(parity);
    let parity_at = 208 + 16 + 8 * (usize::from(data) + parity) + 8;
    for count in 0..=most {
        for pattern in choices(blocks + parity, count) {
            let (mut bad_file, mut bad_sidecar) = (file.clone(), sidecar.clone());
            for &block in &pattern {
                match block.checked_sub(blocks) {
                    None => bad_file[block * BLOCK] ^= 0x40,
                    Some(block) => bad_sidecar[parity_at + block * BLOCK + 63] ^= 1,
                }
            }
            let is_lost = pattern.iter().any(|&block| block < blocks);
            match repaired(&bad_file, &bad_sidecar) {
                Ok((found, findings)) => {
                    assert!(count <= parity || !is_lost, "{pattern:?}");
                    assert_eq!(found, file, "{pattern:?}");
                    let lost = pattern.iter().filter(|&&block| block < blocks).count();
                    assert_eq!(findings.bad_blocks(), lost as u64);
                }
                Err(ParityError::BeyondRepair { windows: 1, .. }) => {
                    assert!(count > parity && is_lost, "{pattern:?}");
                }
                Err(error) => panic!("{pattern:?}: {error}"),
            }
        }
    }
}

/// of 6 data and 3 parity blocks all patterns, more than promised included.
#[test]
fn every_pattern_of_up_to_the_promised_loss_is_repaired_and_every_larger_one_refused() {
    check_every_pattern(6, 3, 6 * BLOCK, 9);
    check_every_pattern(5, 2, 4 * BLOCK + 1, 7);
    check_every_pattern(1, 2, 1, 3);
    check_every_pattern(3, 3, 3 * BLOCK, 6);
}

/// Losses in several windows at once count for each window alone.
#[test]
fn every_pattern_over_three_windows_is_judged_window_by_window() {
    let geometry = Geometry::new(6, 1, 3, 2).unwrap();
    let file = Dice::new(3).bytes(8 * BLOCK + 17);
    let sidecar = parity_of(&file, geometry);
    for pattern in 0u32..1 << 9 {
        let mut bad = file.clone();
        let mut lost = [0; 3];
        for block in (0..9).filter(|block| pattern >> block & 1 == 1) {
            bad[block * BLOCK + 16] ^= 0x80;
            lost[block % 3] += 1;
        }
        let is_covered = lost.iter().all(|&lost| lost <= 2);
        match repaired(&bad, &sidecar) {
            Ok((found, _)) => assert!(is_covered && found == file, "{pattern:b}"),
            Err(ParityError::BeyondRepair { windows, blocks }) => {
                assert_eq!(windows, lost.iter().filter(|&&lost| lost > 2).count() as u64);
                assert_eq!(blocks, 3 * windows);
            }
            Err(error) => panic!("{pattern:b}: {error}"),
        }
    }
}

/// One gap of the promised length is filled wherever it begins.
#[test]
fn every_gap_of_the_promised_length_is_filled() {
    let geometry = Geometry::new(6, 2, 8, 5).unwrap();
    let file = Dice::new(4).bytes(40 * BLOCK);
    let sidecar = parity_of(&file, geometry);
    let gap = crate::support::area(file.len() as u64, geometry).promise().gap as usize;
    assert_eq!(gap, (2 * 5 * 2 + 1 - 1) * BLOCK + 1);
    // At every block's first and last bytes and inside of it.
    let starts = (0..=file.len() - gap).filter(|start| [0, 1, 30, 63].contains(&(start % BLOCK)));
    for start in starts {
        let mut bad = file.clone();
        bad[start..start + gap].iter_mut().for_each(|byte| *byte ^= 0xA5);
        assert_eq!(repaired(&bad, &sidecar).unwrap().0, file, "{start}");
    }
}
