//! The checksum by tables, eight bytes a step: what every processor can.

use crate::polynomial::times_x;

/// For each of eight bytes of a word, what it adds to the register eight bytes later.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            register = times_x(register);
            bit += 1;
        }
        tables[7][byte] = register;
        byte += 1;
    }
    let mut place = 7;
    while place > 0 {
        place -= 1;
        let mut byte = 0;
        while byte < 256 {
            let behind = tables[place + 1][byte];
            tables[place][byte] = behind >> 8 ^ tables[7][(behind & 0xFF) as usize];
            byte += 1;
        }
    }
    tables
}

/// The register after `bytes` more; neither the start value nor the final inversion is applied.
pub(crate) fn update(mut register: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let entering = (register ^ u64::from_le_bytes(*word)).to_le_bytes();
        register = 0;
        for (table, byte) in TABLES.iter().zip(entering) {
            register ^= table[byte as usize];
        }
    }
    for byte in rest {
        register = register >> 8 ^ TABLES[7][((register ^ u64::from(*byte)) & 0xFF) as usize];
    }
    register
}
