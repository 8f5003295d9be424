//! What this crate says of failures.

use sv2_headers::HeaderError;

#[test]
fn messages_side_by_side() {
    let all = [
        HeaderError::NotAStream,
        HeaderError::Unsupported { what: "version", value: 2 },
        HeaderError::Malformed { what: "second metadata section", offset: 142 },
        HeaderError::Limit { what: "segment size", value: 1 << 31, max: 1 << 30 },
        HeaderError::Truncated { need: 96, have: 95 },
    ];
    let list: Vec<_> = all.iter().map(HeaderError::to_string).collect();
    insta::assert_snapshot!(list.join("\n"), @r"
        the magic of a stream_v2 stream is absent
        version 2 is not supported
        second metadata section is malformed at byte 142
        segment size is 2147483648, the maximum is 1073741824
        95 bytes where 96 are needed
        ");
}
