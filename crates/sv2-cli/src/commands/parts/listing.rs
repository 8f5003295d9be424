//! What a store says that it holds: files in a folder, or the listing of an upload.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sv2_core::Cancellation;
use sv2_core::parts::{PartsPlan, StoredPart, part_crc64};

use super::folder::{self, Tasks, part_path};
use super::told;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::{Name, shown};

/// The largest listing that is read: 10,000 parts take about 3 MiB.
const MAX_LISTING: u64 = 64 << 20;

/// The parts in a folder, each with the checksum of its bytes; parts that are not there are left
/// out.
pub(super) fn of_folder(
    folder: &Path,
    plan: &PartsPlan,
    (threads, cancel): (NonZeroUsize, &Cancellation),
    console: &Console,
) -> Result<Vec<StoredPart>, Failure> {
    let numbers: Vec<u32> = (1..=plan.parts()).collect();
    let stored = Mutex::new(Vec::new());
    let tasks = Tasks::new((plan, &numbers), threads, cancel, console);
    tasks.run(|part| {
        let path = part_path(folder, part);
        let Some(file) = folder::open_stored(&path)? else { return Ok(()) };
        let name = Name::File(path);
        let crc = part_crc64(&file, cancel).map_err(|error| told::reading(&error, &name))?;
        let checked = StoredPart::checked(part, crc);
        stored.lock().unwrap_or_else(PoisonError::into_inner).push(checked);
        let spec = plan.part(part).map_err(|error| told::parts(error, folder))?;
        let len = spec.plaintext.end - spec.plaintext.start;
        tasks.advance(len).map_err(|_| Failure::interrupted())
    })?;
    Ok(stored.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The parts of a listing in JSON: an object with `Parts`, as `aws s3api list-parts` prints it, or
/// the array itself. Each has `PartNumber`, and `ChecksumCRC64NVME` in base64.
pub(super) fn of_file(path: &Path) -> Result<Vec<StoredPart>, Failure> {
    let failed = |error| Failure::file("read", path, &error);
    let refused = |why: &str| {
        let sentence = format!("'{}' is no listing of parts: {why}", shown(path));
        Failure::new(Exit::Mismatch, sentence)
            .hint("list them: aws s3api list-parts --bucket B --key K --upload-id ID")
    };
    let (file, mut bytes) = (File::open(path).map_err(failed)?, Vec::new());
    // What a program prints may be read as well, which tells no length.
    file.take(MAX_LISTING + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_LISTING {
        return Err(refused("it is too large"));
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| refused("it is no JSON"))?;
    let list = value.get("Parts").unwrap_or(&value).as_array();
    let list = list.ok_or_else(|| refused("it has no parts"))?;
    let one = |entry: &Value| {
        let part = entry.get("PartNumber")?.as_u64().and_then(|part| u32::try_from(part).ok())?;
        let crc = entry.get("ChecksumCRC64NVME")?.as_str().and_then(crc_of_base64)?;
        Some(StoredPart::checked(part, crc))
    };
    let parts = list.iter().map(one).collect::<Option<Vec<_>>>();
    parts.ok_or_else(|| refused("a part lacks PartNumber or ChecksumCRC64NVME"))
}

/// Eight bytes in base64, most significant first, as stores print checksums.
fn crc_of_base64(text: &str) -> Option<u64> {
    Some(u64::from_be_bytes(BASE64_STANDARD.decode(text).ok()?.try_into().ok()?))
}

/// A checksum as stores print it.
pub(super) fn base64_of_crc(crc: u64) -> String {
    BASE64_STANDARD.encode(crc.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_read_as_they_are_written() {
        // The check value of CRC-64/NVME.
        assert_eq!(base64_of_crc(0xae8b_1486_0a79_9888), "rosUhgp5mIg=");
        for crc in [0, 1, u64::MAX, 0x0123_4567_89AB_CDEF] {
            assert_eq!(crc_of_base64(&base64_of_crc(crc)), Some(crc));
        }
        for bad in ["", "=", "rosUhgp5mIg", "rosUhgp5mIh=", "rosUhgp5mI==", "*osUhgp5mIg="] {
            assert_eq!(crc_of_base64(bad), None, "{bad}");
        }
    }
}
