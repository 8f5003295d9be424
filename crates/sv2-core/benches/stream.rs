//! stream
fn main() {}
