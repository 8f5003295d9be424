//! The mark that an interrupted encrypt leaves in its user's state folder (local-files.md,
//! section 5).

use std::path::Path;

use crate::reference::forge::refresh_crc;
use crate::reference::primitives::sha256;

/// Name and bytes of the mark of an encrypt to `output`, which is absolute and without links, by
/// this user, of the stream that begins with `header`.
pub fn encrypt_mark(output: &Path, user: u32, header: &[u8]) -> (String, Vec<u8>) {
    let name = sha256(output.as_os_str().as_encoded_bytes());
    let mut mark = b"SV2MARK\n\0\x01\0\x01\0\0\0\0".to_vec();
    mark.extend(u64::from(user).to_be_bytes());
    mark.extend(name);
    mark.extend(sha256(&header[..header.len().min(80)]));
    mark.extend([0; 8]);
    refresh_crc(&mut mark);
    (name.iter().map(|byte| format!("{byte:02x}")).collect(), mark)
}
