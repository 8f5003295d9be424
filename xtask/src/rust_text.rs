//! Rust source with comments and literals blanked, so that a search finds code and nothing else.
//!
//! This is a scanner for well-formed source, not a parser: it knows nested comments, escapes, raw
//! strings, and characters beside lifetimes.

/// Replaces every byte of comments and of string and character literals by a space.
///
/// Newlines stay, so that lines and columns are those of the source.
pub(crate) fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut masked = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment_end(bytes, at);
        match end {
            Some(end) => {
                let end = end.min(bytes.len());
                for byte in masked.iter_mut().take(end).skip(at) {
                    if *byte != b'\n' {
                        *byte = b' ';
                    }
                }
                at = end;
            }
            None => at += word_len(&bytes[at..]),
        }
    }
    String::from_utf8_lossy(&masked).into_owned()
}

/// Where the comment or literal that begins at `at` ends, if one does.
fn literal_or_comment_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(at + block_comment_len(rest));
    }
    let prefix = rest.iter().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    let is_raw = prefix > 0 && rest[prefix - 1] == b'r';
    if prefix <= 2 && is_raw && rest.get(prefix + hashes) == Some(&b'"') {
        return Some(at + raw_string_len(rest, prefix + hashes, hashes));
    }
    match rest.get(prefix) {
        Some(b'"') if prefix <= 1 => Some(at + prefix + quoted_len(&rest[prefix..], b'"')),
        Some(b'\'') if prefix <= 1 && is_character(&rest[prefix..]) => {
            Some(at + prefix + quoted_len(&rest[prefix..], b'\''))
        }
        _ => None,
    }
}

/// A quote opens a character, not a lifetime, when an escape or a closing quote follows.
fn is_character(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(first) if first.is_ascii() => rest.get(2) == Some(&b'\''),
        Some(_) => true,
        None => false,
    }
}

fn block_comment_len(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn raw_string_len(rest: &[u8], quote: usize, hashes: usize) -> usize {
    let mut closing = vec![b'"'];
    closing.resize(1 + hashes, b'#');
    let body = &rest[quote + 1..];
    let found = body.windows(closing.len()).position(|window| window == closing);
    found.map_or(rest.len(), |position| quote + 1 + position + closing.len())
}

fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of the identifier here, or 1: a prefix letter inside a word opens no literal.
fn word_len(rest: &[u8]) -> usize {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    rest.iter().take_while(|&byte| is_word(byte)).count().max(1)
}

/// The lines (from 1) that belong to test functions, their comments and attributes included.
///
/// `masked` is what [`mask`] made of `source`.
pub(crate) fn test_lines(source: &str, masked: &str) -> Vec<bool> {
    let lines: Vec<&str> = source.lines().collect();
    let starts = line_starts(masked);
    let mut is_test = vec![false; lines.len() + 1];
    for (position, _) in masked.match_indices("#[test]") {
        let mut first = line_of(&starts, position);
        while first > 1 && is_leading(lines[first - 2]) {
            first -= 1;
        }
        let last = line_of(&starts, body_end(masked, position));
        for flag in is_test.iter_mut().take(last + 1).skip(first) {
            *flag = true;
        }
    }
    is_test
}

/// The line, counted from 1, that holds the byte at `position`.
pub(crate) fn line_of(starts: &[usize], position: usize) -> usize {
    starts.partition_point(|&start| start <= position)
}

/// The positions at which lines begin.
pub(crate) fn line_starts(text: &str) -> Vec<usize> {
    let after = text.match_indices('\n').map(|(position, _)| position + 1);
    std::iter::once(0).chain(after).collect()
}

fn is_leading(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("#[") || line.starts_with("//") && !line.starts_with("//!")
}

/// Where the braces that open after `position` are closed.
fn body_end(masked: &str, position: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in masked.bytes().enumerate().skip(position) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return offset,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    masked.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let source = "let a = \"x // y\"; // z\nlet b = 'q'; /* /* n */ m */ c\n";
        let expected = "let a =         ;     \nlet b =    ;                 c\n";
        assert_eq!(mask(source), expected);
    }

    #[test]
    fn raw_strings_end_at_their_own_number_of_hashes() {
        assert_eq!(mask("r##\"a\"# b\"## + c"), "             + c");
        assert_eq!(mask("br\"a\\\" + c"), "       + c");
        assert_eq!(mask("r#type + c"), "r#type + c");
    }

    #[test]
    fn escapes_do_not_end_a_literal_and_lifetimes_do_not_begin_one() {
        assert_eq!(mask(r#"("a\"b", '\'', b'\\') x"#), "(      ,     ,      ) x");
        assert_eq!(mask("fn f<'a>(x: &'a u8) {}"), "fn f<'a>(x: &'a u8) {}");
        assert_eq!(mask("bar\"s\" + x"), "bar    + x");
    }

    #[test]
    fn a_test_has_its_comment_its_attributes_and_its_body() {
        let source =
            "fn a() {}\n\n/// Says so.\n#[test]\nfn t() {\n    if x { \"}\"; }\n}\nfn b() {}\n";
        let flags = test_lines(source, &mask(source));
        let lines: Vec<usize> = (1..flags.len()).filter(|&line| flags[line]).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7]);
    }
}
