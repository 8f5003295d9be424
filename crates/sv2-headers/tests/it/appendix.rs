//! The worked example of `docs/format.md`, appendix B, read out of the document itself.
//!
//! The test binaries of the lower crates take this file in by its path.

const FORMAT: &str = include_str!("../../../../docs/format.md");

/// The bytes that the appendix gives under this name.
pub(crate) fn example(name: &str) -> Vec<u8> {
    let (_, example) = FORMAT.split_once("<!-- example:begin -->").expect("the appendix is there");
    let mut lines = example.lines();
    let head = lines
        .by_ref()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" (")?.strip_suffix(") ="))
        .unwrap_or_else(|| panic!("the appendix gives {name}"));
    let hex: String = lines.map_while(|line| line.strip_prefix("  ")).collect();
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect();
    assert_eq!(bytes.len().to_string(), head, "length of {name}");
    bytes
}

/// The same, where the length is known when the test is compiled.
pub(crate) fn array<const N: usize>(name: &str) -> [u8; N] {
    example(name).try_into().unwrap_or_else(|_| panic!("{name} has {N} bytes"))
}
