//! Judging answers, and counting them by layer and by mode.

use super::Awaited;
use serde_json::Value;
use std::collections::BTreeMap;

/// The modes with the role that has to answer them; none requires a trace.
const MODES: [(&str, Option<&str>); 16] = [
    ("pipe", Some("pipe")),
    ("seekable", Some("random")),
    ("range", Some("random")),
    ("metadata", Some("random")),
    ("layout", Some("random")),
    ("writer", Some("writer")),
    ("scrub", Some("scrubber")),
    ("slots", Some("slots")),
    ("unsealed", Some("unsealed")),
    ("trailing", Some("trailing")),
    ("verify", Some("verifier")),
    ("salvage", Some("salvager")),
    ("rewrite", Some("rewriter")),
    ("append", Some("appender")),
    ("parts", Some("parts")),
    ("trace", None),
];

/// What became of one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// The program does not offer it.
    NotOffered,
    /// What differs.
    Failed(String),
}

/// Passed and asked.
type Count = (usize, usize);

/// All verdicts on one implementation.
pub(super) struct Score {
    pub(super) implementation: String,
    pub(super) failures: Vec<String>,
    roles: Vec<String>,
    in_order: bool,
    counts: BTreeMap<(String, String), Count>,
    not_offered: BTreeMap<String, usize>,
}

/// Whether an answer holds every expected member, and every damaged unit among those it lists.
pub(super) fn judge(expect: &Value, damage: &Value, answer: &Value) -> Verdict {
    if answer["error"] == "BadRequest" && expect["error"] != "BadRequest" {
        return Verdict::NotOffered;
    }
    let mut wrong = Vec::new();
    for (name, value) in expect.as_object().into_iter().flatten() {
        if name == "damage_exactly" {
            if !lists_exactly(value, &answer["damage"]) {
                wrong.push(format!("damage is {}, not exactly {value}", answer["damage"]));
            }
            continue;
        }
        if answer.get(name) != Some(value) {
            wrong.push(format!("{name} is {}, not {value}", answer[name.as_str()]));
        }
    }
    for unit in damage.as_array().into_iter().flatten() {
        let listed = answer["damage"].as_array().into_iter().flatten();
        let holds = |found: &Value| {
            unit.as_object().into_iter().flatten().all(|(name, value)| found[name] == *value)
        };
        if !listed.into_iter().any(holds) {
            wrong.push(format!("{unit} is not in {}", answer["damage"]));
        }
    }
    match wrong.is_empty() {
        true => Verdict::Passed,
        false => Verdict::Failed(wrong.join("; ")),
    }
}

/// Whether a list has these units in this order and no other; it may say more of each.
fn lists_exactly(wanted: &Value, listed: &Value) -> bool {
    let (Some(wanted), Some(listed)) = (wanted.as_array(), listed.as_array()) else { return false };
    let is_same = |(wanted, listed): (&Value, &Value)| {
        let at = |name: &str| wanted.get(name).is_none_or(|value| listed[name] == *value);
        let named = |name: &str| wanted.get(name) == listed.get(name);
        named("unit") && named("segment") && named("frame") && at("offset")
    };
    wanted.len() == listed.len() && wanted.iter().zip(listed).all(is_same)
}

impl Score {
    /// A score for the implementation that gave this answer to `version`.
    pub(super) fn new(version: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let roles = version["roles"].as_array().into_iter().flatten().map(text).collect();
        Self {
            implementation: text(&version["implementation"]),
            failures: Vec::new(),
            roles,
            in_order: version["in_order"] == true,
            counts: BTreeMap::new(),
            not_offered: BTreeMap::new(),
        }
    }

    /// Takes out of the expectation what this program does not promise: which segments a failed
    /// seekable decrypt released.
    pub(super) fn adapt(&self, awaited: &mut Awaited) {
        let failed = awaited.expect["ok"] == false && awaited.mode == "seekable";
        if let Some(expect) = awaited.expect.as_object_mut().filter(|_| failed && !self.in_order) {
            expect.remove("released_len");
            expect.remove("released_sha256");
        }
    }

    /// Whether the program opens slots; any other has no key for the requests about them.
    pub(super) fn opens_slots(&self) -> bool {
        self.roles.iter().any(|role| role == "slots")
    }

    /// Counts a request that was not asked.
    pub(super) fn skip(&mut self, mode: &str) {
        *self.not_offered.entry(mode.to_owned()).or_default() += 1;
    }

    /// Counts one answer. What is not offered fails where a named role demands it.
    pub(super) fn count(&mut self, awaited: &Awaited, verdict: Verdict) {
        let demanded = MODES.iter().any(|(mode, role)| {
            *mode == awaited.mode && role.is_some_and(|role| self.roles.iter().any(|r| r == role))
        });
        let wrong = match verdict {
            Verdict::Passed => None,
            Verdict::NotOffered if !demanded => {
                self.skip(&awaited.mode);
                return;
            }
            Verdict::NotOffered => Some("is not offered".to_owned()),
            Verdict::Failed(wrong) => Some(wrong),
        };
        let key = (awaited.layer.clone(), awaited.mode.clone());
        let (passed, asked) = self.counts.entry(key).or_default();
        *asked += 1;
        match wrong {
            None => *passed += 1,
            Some(wrong) => {
                let Awaited { vector, mode, .. } = awaited;
                self.failures.push(format!("{vector}, {mode}: {wrong}"));
            }
        }
    }

    /// The number of checks that passed.
    pub(super) fn passed(&self) -> usize {
        self.counts.values().map(|(passed, _)| passed).sum()
    }

    /// Layers as rows, the modes that were asked as columns, passed/asked in each place.
    pub(super) fn table(&self) -> String {
        let mut text =
            format!("{}, roles {}\n{:10}", self.implementation, self.roles.join(" "), "layer");
        for mode in self.modes() {
            text.push_str(&format!("{mode:>14}"));
        }
        text.push('\n');
        let mut layers: Vec<&String> = self.counts.keys().map(|(layer, _)| layer).collect();
        layers.dedup();
        for layer in layers {
            self.row(&mut text, layer, |known| known == layer);
        }
        self.row(&mut text, "all", |_| true);
        for (mode, count) in &self.not_offered {
            text.push_str(&format!("{mode}: {count} not offered and not demanded\n"));
        }
        text
    }

    fn modes(&self) -> impl Iterator<Item = &'static str> {
        let modes = MODES.into_iter().map(|(mode, _)| mode);
        modes.filter(|mode| self.counts.keys().any(|(_, counted)| counted == mode))
    }

    fn row(&self, text: &mut String, title: &str, of_row: impl Fn(&str) -> bool) {
        text.push_str(&format!("{title:10}"));
        for mode in self.modes() {
            let counts = self.counts.iter().filter(|((layer, m), _)| m == mode && of_row(layer));
            let (passed, asked) =
                counts.fold((0, 0), |sum, (_, count)| (sum.0 + count.0, sum.1 + count.1));
            let cell = if asked == 0 { String::new() } else { format!("{passed}/{asked}") };
            text.push_str(&format!("{cell:>14}"));
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_needs_every_expected_member_and_may_have_more() {
        let expect = json!({"ok": false, "error": "Limit"});
        let none = json!([]);
        let judged = |answer: Value| judge(&expect, &none, &answer);
        assert_eq!(judged(json!({"ok": false, "error": "Limit", "value": 1})), Verdict::Passed);
        assert!(matches!(judged(json!({"ok": false})), Verdict::Failed(_)));
        assert!(matches!(judged(json!({"ok": true, "error": "Limit"})), Verdict::Failed(_)));
        assert_eq!(judged(json!({"ok": false, "error": "BadRequest"})), Verdict::NotOffered);
    }

    #[test]
    fn damage_has_to_be_listed_among_others() {
        let (expect, damage) = (json!({"ok": true}), json!([{"unit": "frame", "segment": 1}]));
        let listed = json!({"ok": true, "damage": [
            {"unit": "footer", "segment": 1}, {"unit": "frame", "segment": 1, "frame": 0}]});
        assert_eq!(judge(&expect, &damage, &listed), Verdict::Passed);
        let other = json!({"ok": true, "damage": [{"unit": "frame", "segment": 0}]});
        assert!(matches!(judge(&expect, &damage, &other), Verdict::Failed(_)));
    }

    #[test]
    fn an_exact_list_of_damage_has_neither_more_nor_less() {
        let frame = json!({"unit": "frame", "segment": 1, "frame": 0, "offset": 90});
        let footer = json!({"unit": "footer", "segment": 1, "offset": 400, "what": "crc"});
        let expect = json!({"damage_exactly": [frame, {"unit": "footer", "segment": 1}]});
        let none = json!([]);
        let judged = |damage: Value| judge(&expect, &none, &json!({"damage": damage}));
        assert_eq!(judged(json!([frame, footer])), Verdict::Passed);
        for other in [json!([frame]), json!([footer, frame]), json!([frame, footer, footer])] {
            assert!(matches!(judged(other), Verdict::Failed(_)));
        }
        let mut moved = frame.clone();
        moved["offset"] = json!(91);
        assert!(matches!(judged(json!([moved, footer])), Verdict::Failed(_)));
        let mut without = footer.clone();
        without["frame"] = json!(0);
        assert!(matches!(judged(json!([frame, without])), Verdict::Failed(_)));
    }

    #[test]
    fn what_a_named_role_demands_must_be_offered() {
        let mut score = Score::new(&json!({"implementation": "x", "roles": ["pipe"]}));
        let awaited = |mode: &str| Awaited {
            vector: "v".to_owned(),
            layer: "frame".to_owned(),
            mode: mode.to_owned(),
            asked: true,
            expect: json!({}),
            damage: json!([]),
        };
        score.count(&awaited("pipe"), Verdict::Passed);
        score.count(&awaited("scrub"), Verdict::NotOffered);
        assert_eq!((score.passed(), score.failures.len()), (1, 0));
        assert!(!score.opens_slots());
        score.skip("slots");
        assert!(score.table().contains("slots: 1 not offered"));
        score.count(&awaited("pipe"), Verdict::NotOffered);
        assert_eq!(score.failures, ["v, pipe: is not offered"]);
        assert!(score.table().contains("1/2"));
    }
}
