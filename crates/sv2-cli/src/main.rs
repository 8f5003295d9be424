//! The program `sv2`.

fn main() {}
