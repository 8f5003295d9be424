//! The outside of an age file in a key slot: enough to judge it without opening it (section 3).
//!
//! Nothing is unwrapped here: stanzas are counted, a scrypt work factor is read, the length is
//! compared with the one length that a 32-byte payload has.

const VERSION_LINE: &[u8] = b"age-encryption.org/v1";
/// A 16-byte nonce, then one chunk of 32 bytes and its tag.
const PAYLOAD_LEN: usize = 16 + 32 + 16;
/// Base64 columns of a stanza's body.
const COLUMNS: usize = 64;
/// Base64 columns of the header's MAC.
const MAC_COLUMNS: usize = 43;

/// What kind of age file a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeSlot {
    /// For one or more recipients.
    Recipients,
    /// For a passphrase; `log_n` is the binary logarithm of scrypt's cost.
    Scrypt {
        /// Binary logarithm of scrypt's N.
        log_n: u8,
    },
}

/// Judges the structure of a binary age v1 file that holds exactly 32 bytes.
///
/// `None` where it is no such file (F-320: lines, arguments and canonical base64 of the age v1
/// header, then exactly 64 bytes), or where a scrypt stanza has another stanza beside it (F-321)
/// or a work factor that is not one or two decimal digits without a leading zero.
#[must_use]
pub fn age_slot(bytes: &[u8]) -> Option<AgeSlot> {
    let mut rest = bytes;
    if line(&mut rest)? != VERSION_LINE {
        return None;
    }
    let mut stanzas = 0usize;
    let mut scrypt = None;
    loop {
        let head = line(&mut rest)?;
        if let Some(mac) = head.strip_prefix(b"--- ") {
            if mac.len() != MAC_COLUMNS || !is_base64(mac) {
                return None;
            }
            break;
        }
        let mut arguments = head.strip_prefix(b"-> ")?.split(|&byte| byte == b' ');
        if arguments.clone().any(<[u8]>::is_empty) {
            return None;
        }
        stanzas += 1;
        if arguments.next()? == b"scrypt" {
            scrypt = Some(decimal(arguments.next_back()?)?);
        }
        loop {
            let body = line(&mut rest)?;
            if body.len() > COLUMNS || !is_base64(body) {
                return None;
            }
            if body.len() < COLUMNS {
                break;
            }
        }
    }
    if stanzas == 0 || rest.len() != PAYLOAD_LEN {
        return None;
    }
    match scrypt {
        None => Some(AgeSlot::Recipients),
        Some(log_n) if stanzas == 1 => Some(AgeSlot::Scrypt { log_n }),
        Some(_) => None,
    }
}

/// Takes one line off the front, without its line feed.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let (line, more) = rest.split_at(end);
    *rest = &more[1..];
    line.iter().all(|&byte| (0x20..0x7F).contains(&byte)).then_some(line)
}

/// Whether the text is base64 without padding whose unused low bits are zero.
///
/// A stanza's full lines hold whole groups of four, so its lines can be judged one by one.
fn is_base64(text: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let unused_bits = match text.len() % 4 {
        0 => 0,
        2 => 4,
        3 => 2,
        _ => return false,
    };
    let last = text.last().copied().and_then(value).unwrap_or(0);
    text.iter().all(|&byte| value(byte).is_some()) && last.trailing_zeros() >= unused_bits
}

/// One or two decimal digits without a leading zero.
fn decimal(digits: &[u8]) -> Option<u8> {
    match digits {
        [ones @ b'1'..=b'9'] => Some(ones - b'0'),
        [tens @ b'1'..=b'9', ones @ b'0'..=b'9'] => Some((tens - b'0') * 10 + (ones - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn file(stanzas: &str) -> Vec<u8> {
        let mut bytes = b"age-encryption.org/v1\n".to_vec();
        bytes.extend_from_slice(stanzas.as_bytes());
        bytes.extend_from_slice(b"--- ");
        bytes.extend_from_slice(&[b'A'; 43]);
        bytes.push(b'\n');
        bytes.extend_from_slice(&[0xEE; PAYLOAD_LEN]);
        bytes
    }

    const X25519: &str = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n";
    const SCRYPT: &str =
        "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\nZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n";

    #[test]
    fn recipients_and_passphrases_are_told_apart() {
        assert_eq!(age_slot(&file(X25519)), Some(AgeSlot::Recipients));
        assert_eq!(age_slot(&file(SCRYPT)), Some(AgeSlot::Scrypt { log_n: 18 }));
    }

    #[test]
    fn a_scrypt_stanza_in_company_is_no_slot() {
        let both = [SCRYPT, X25519].concat();
        assert_eq!(age_slot(&file(&both)), None);
        let both = [X25519, SCRYPT].concat();
        assert_eq!(age_slot(&file(&both)), None);
    }

    #[test]
    fn every_cut_and_every_longer_file_is_no_slot() {
        let whole = file(X25519);
        for len in 0..whole.len() {
            assert_eq!(age_slot(&whole[..len]), None, "cut at {len}");
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(age_slot(&longer), None);
    }

    #[test]
    fn work_factors_have_one_spelling() {
        for bad in ["018", "0", "", "100", "+8", "1a"] {
            let stanza = SCRYPT.replace(" 18\n", &alloc::format!(" {bad}\n"));
            assert_eq!(age_slot(&file(&stanza)), None, "{bad:?}");
        }
    }
}
