//! segment
fn main() {}
