//! What the engine answers to each operation.

use serde_json::json;

use crate::answer::{Answer, Failed, members};
use crate::request::{Request, inline};
use crate::{change, layout, parts, read, rescue, subject, write};

pub(crate) fn answer(request: &Request<'_>) -> Result<Answer, Failed> {
    match request.text("op")? {
        "version" => Ok(members(json!({
            "ok": true,
            "implementation": "sv2-core",
            "format": 1,
            "suites": [1, 2],
            "digests": [0, 1, 2],
            "roles": ["pipe", "random", "writer", "scrubber", "slots", "unsealed", "trailing",
                      "verifier", "salvager", "rewriter", "appender", "parts"],
            "in_order": true,
        }))),
        "decrypt" if request.0["mode"] == "unsealed" => rescue::unsealed(request),
        "decrypt" => read::decrypt(request),
        "range" => read::range(request),
        "metadata" => read::metadata(request),
        "encrypt" => write::encrypt(request),
        "scrub" => read::damage(request),
        "verify" => rescue::verify(request),
        "salvage" => rescue::salvage(request),
        "rewrite" => change::rewrite(request),
        "append" => change::append(request),
        "plan" => parts::plan(request),
        "part" => parts::part(request),
        "finish" => parts::finish(request),
        "layout" => layout::layout(request),
        "accumulated" => Ok(members(subject::accumulated(&request.0["checkpoints"], inline))),
        other => Err(format!("the operation {other} is not offered").into()),
    }
}
