//! The structure of a binary age v1 file as a key slot holds it (section 3); nothing is decrypted.

/// The stanza types of a slot's age file, or `None` where it is not one binary age v1 file with a
/// payload of exactly 32 bytes, ending where `file` ends.
pub fn stanza_types(file: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = file;
    if next_line(&mut rest)? != b"age-encryption.org/v1" {
        return None;
    }
    let mut types = Vec::new();
    loop {
        let line = next_line(&mut rest)?;
        if let Some(mac) = line.strip_prefix(b"--- ") {
            let payload_len = 16 + 32 + 16;
            let sound = !types.is_empty()
                && mac.len() == 43
                && is_canonical_base64(mac)
                && rest.len() == payload_len;
            return sound.then_some(types);
        }
        let mut arguments = line.strip_prefix(b"-> ")?.split(|byte| *byte == b' ');
        if !arguments.clone().all(|word| !word.is_empty() && word.iter().all(u8::is_ascii_graphic))
        {
            return None;
        }
        let stanza_type = arguments.next()?;
        if stanza_type == b"scrypt" && !arguments.next_back().is_some_and(is_work_factor) {
            return None;
        }
        types.push(stanza_type);
        let mut body = Vec::new();
        loop {
            let line = next_line(&mut rest)?;
            body.extend(line);
            match line.len() {
                64 => {}
                0..64 => break,
                _ => return None,
            }
        }
        if !is_canonical_base64(&body) {
            return None;
        }
    }
}

fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = &rest[..end];
    *rest = &rest[end + 1..];
    Some(line)
}

/// Whether `text` is one or two decimal digits without a leading zero.
fn is_work_factor(text: &[u8]) -> bool {
    matches!(text, [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'])
}

/// Whether `text` is base64 without padding whose unused low bits are zero.
fn is_canonical_base64(text: &[u8]) -> bool {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let values: Option<Vec<usize>> =
        text.iter().map(|byte| alphabet.iter().position(|known| known == byte)).collect();
    let Some(values) = values else { return false };
    match (values.len() % 4, values.last()) {
        (0, _) => true,
        (2, Some(last)) => last % 16 == 0,
        (3, Some(last)) => last % 4 == 0,
        _ => false,
    }
}
