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
mod layout;
mod read;
mod request;
mod write;

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use crate::answer::{Answer, Failed, failure, members};
use crate::request::{Request, inline};

fn main() -> Result<(), Failed> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?).unwrap_or_default();
        let mut answer = match answer(&Request(&request)) {
            Ok(answer) => answer,
            Err(error) => failure(&*error),
        };
        answer.insert("id".to_owned(), request["id"].clone());
        writeln!(output, "{}", Value::Object(answer))?;
        output.flush()?;
    }
    Ok(())
}

fn answer(request: &Request<'_>) -> Result<Answer, Failed> {
    match request.text("op")? {
        "version" => Ok(members(json!({
            "ok": true,
            "implementation": "sv2-core",
            "format": 1,
            "suites": [1, 2],
            "digests": [0, 1, 2],
            "roles": ["pipe", "random", "writer", "scrubber", "slots"],
            "in_order": true,
        }))),
        "decrypt" => read::decrypt(request),
        "range" => read::range(request),
        "metadata" => read::metadata(request),
        "encrypt" => write::encrypt(request),
        "scrub" => read::damage(request),
        "layout" => layout::layout(request),
        "accumulated" => Ok(members(subject::accumulated(&request.0["checkpoints"], inline))),
        other => Err(format!("the operation {other} is not offered").into()),
    }
}
