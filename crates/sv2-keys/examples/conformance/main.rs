//! The engine behind the line protocol of `docs/conformance/README.md`.
//!
//! `cargo xtask conformance` asks it all vectors. It offers every role and no trace; slots are
//! opened by `sv2-keys`.

#[path = "../../../sv2-core/tests/conformance/names.rs"]
mod names;
#[path = "../../tests/vectors/opener.rs"]
mod opener;
#[path = "../../../sv2-core/tests/conformance/subject.rs"]
mod subject;

mod answer;
mod change;
mod layout;
mod ops;
mod parts;
mod read;
mod request;
mod rescue;
mod write;

use std::io::{self, BufRead, Write};

use serde_json::Value;

use crate::answer::{Failed, failure};
use crate::request::Request;

fn main() -> Result<(), Failed> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?).unwrap_or_default();
        let mut answer = match ops::answer(&Request(&request)) {
            Ok(answer) => answer,
            Err(error) => failure(&*error),
        };
        answer.insert("id".to_owned(), request["id"].clone());
        writeln!(output, "{}", Value::Object(answer))?;
        output.flush()?;
    }
    Ok(())
}
