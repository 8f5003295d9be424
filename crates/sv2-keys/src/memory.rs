//! Memory for scrypt, asked for before it is used: the library that derives keys ends the process
//! where it gets none.

use crate::KeysError;

/// What scrypt takes for each unit of N with the block size of age, in bytes.
const PER_UNIT: u64 = 128 * 8;
/// What it takes besides, and as much again for everything else that goes on.
const BESIDES: u64 = 1 << 20;

/// Whether a key can be derived with N = 2^`log_n`.
///
/// # Errors
/// `Memory`.
pub(crate) fn check(log_n: u8) -> Result<(), KeysError> {
    let needed = PER_UNIT.checked_shl(log_n.into()).filter(|needed| needed >> log_n == PER_UNIT);
    let needed = needed.unwrap_or(u64::MAX);
    let mut room: Vec<u8> = Vec::new();
    let asked = usize::try_from(needed.saturating_add(BESIDES)).unwrap_or(usize::MAX);
    room.try_reserve_exact(asked).map_err(|_| KeysError::Memory { needed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        check(1).expect("two KiB");
        // More than a process can address.
        for (log_n, needed) in [(50, 1 << 60), (63, u64::MAX)] {
            let error = check(log_n).expect_err("too much");
            assert!(matches!(error, KeysError::Memory { needed: told } if told == needed));
        }
    }
}
