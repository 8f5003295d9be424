//! A request and what its members mean; those that vectors are made of are sound.

use serde_json::Value;

use super::Members;

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of base64 with padding.
///
/// # Panics
///
/// Where the text is none.
pub fn base64_bytes(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no digit of base64"),
    };
    let mut bytes = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = (0..4).fold(0_u32, |bits, at| {
            bits << 6 | group.get(at).map_or(0, |byte| u32::from(value(*byte)))
        });
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

pub(super) struct Request<'a>(pub(super) &'a Members);

impl Request<'_> {
    fn member(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("the request has no {name}"))
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.member(name).as_str().unwrap_or_else(|| panic!("{name} is a text"))
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.member(name).as_u64().unwrap_or_else(|| panic!("{name} is a number"))
    }

    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.member(name).as_array().into_iter().flatten()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        base64_bytes(self.text(name))
    }

    /// A member in hexadecimal; nothing where it is absent.
    pub(super) fn unhex(&self, name: &str) -> Vec<u8> {
        self.0.get(name).map(Request::unhex_of).unwrap_or_default()
    }

    pub(super) fn unhex_of(value: &Value) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit") as u8;
        let text = value.as_str().unwrap_or_default().as_bytes();
        text.chunks(2).map(|pair| 16 * digit(pair[0]) + digit(pair[1])).collect()
    }

    pub(super) fn key(&self, name: &str) -> [u8; 32] {
        self.unhex(name)[..].try_into().expect("a key of 32 bytes")
    }

    /// The salts of the segments that are written, in order.
    pub(super) fn salts(&self) -> impl Iterator<Item = [u8; 24]> {
        let salts: Vec<[u8; 24]> = self
            .list("dangerous_salts")
            .map(|salt| Request::unhex_of(salt)[..].try_into().expect("a salt of 24 bytes"))
            .collect();
        salts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_back() {
        for len in 0..9 {
            let bytes: Vec<u8> = (0..len).map(|byte| 251 - 29 * byte).collect();
            assert_eq!(base64_bytes(&crate::vectors::base64(&bytes)), bytes);
        }
    }
}
