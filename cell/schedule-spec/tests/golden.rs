//! Some thousands of specs, with what the original said about each (`tests/golden/README.md`).

use atoll_api::temporal::api::schedule::v1::ScheduleSpec;
use prost::Message;
use prost_reflect::DynamicMessage;
use schedule_spec::{Looks, Next, Seed, Spec, canonical, shown};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Of an answer: as many as a shard grants.
const LOOKS: usize = 4_000;

fn lines() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/schedule_specs.jsonl.gz");
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
}

fn spec(json: &Value) -> ScheduleSpec {
    let pool = atoll_api::descriptor_pool();
    let kind = pool.get_message_by_name("temporal.api.schedule.v1.ScheduleSpec").expect("published");
    let message = DynamicMessage::deserialize(kind, json).expect("canonical JSON");
    ScheduleSpec::decode(message.encode_to_vec().as_slice()).expect("the same message")
}

fn millis(text: &Value) -> i64 {
    text.as_str().expect("text").parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
}

/// The times that `ListScheduleMatchingTimes` would name, each relative to the one before.
fn listed(spec: &Spec, seed: &Seed, window: &[Value]) -> Vec<i64> {
    let (start, end) = (millis(&window[0]), millis(&window[1]));
    let (mut times, mut before, mut found) = (spec.times(seed, start), start, Vec::new());
    while found.len() < window[2].as_array().expect("times").len() + 1 {
        match times.next(&mut Looks::of(LOOKS)) {
            Next::At(moment) if moment.actual_ms <= end => {
                found.push(moment.actual_ms - before);
                before = moment.actual_ms;
            }
            Next::Later(at) if at <= end => {}
            _ => break,
        }
    }
    found
}

/// Zones whose rules were changed after the capture's tables were made: ours are newer from this year on.
fn changed_since(zone: &Value, end: &Value) -> bool {
    zone == "Africa/Casablanca" && end.as_str().is_some_and(|end| end >= "2026")
}

/// What was compared, and what was not.
#[derive(Debug, Default, PartialEq)]
struct Compared {
    /// Refusals, and windows of times.
    refusals: usize,
    windows: usize,
    times: usize,
    /// Specs that the original never answered.
    unanswered: usize,
    /// Windows in zones that changed since.
    changed: usize,
    /// Windows in which the original goes backwards, and round and round: compared up to there.
    backwards: usize,
}

fn compare(line: &Value, namespace_id: &str, compared: &mut Compared) -> Result<(), String> {
    let id = line["id"].as_str().expect("an id");
    let compiled = Spec::compile(&spec(&line["spec"]));
    if let Some(error) = line.get("error") {
        compared.refusals += 1;
        let said = compiled.err().map(|e| format!("INVALID_ARGUMENT: Invalid schedule spec: {e}"));
        return if said.as_deref() == error.as_str() {
            Ok(())
        } else {
            Err(format!("{said:?}, not {error}"))
        };
    }
    let compiled = compiled.map_err(|e| format!("refused: {e}"))?;
    if line.get("unanswered").is_some() {
        compared.unanswered += 1;
        return Ok(());
    }
    let expected = spec(&line["canonical"]);
    let stored = canonical(&spec(&line["spec"])).map_err(|e| format!("refused: {e}"))?;
    if canonical(&stored).as_ref() != Ok(&stored) {
        return Err("the canonical form of the canonical form is another".to_owned());
    }
    let shown = shown(stored);
    if shown != expected {
        return Err(format!("canonical form {shown:?}, not {expected:?}"));
    }
    let seed = Seed::new(namespace_id.parse().expect("a UUID"), id);
    for window in line["windows"].as_array().expect("windows") {
        let window = window.as_array().expect("a window");
        if changed_since(&line["canonical"]["timezoneName"], &window[1]) {
            compared.changed += 1;
            continue;
        }
        compared.windows += 1;
        let mut expected: Vec<i64> =
            window[2].as_array().expect("times").iter().map(|n| n.as_i64().expect("whole")).collect();
        let mut found = listed(&compiled, &seed, window);
        if window.len() > 3 && found.len() > expected.len() {
            found.pop();
            expected.truncate(found.len());
        }
        if let Some(back) = expected.iter().position(|step| *step < 0) {
            compared.backwards += 1;
            found.truncate(back);
            expected.truncate(back);
        }
        compared.times += expected.len();
        if found != expected {
            return Err(format!("from {} to {}: {found:?}, not {expected:?}", window[0], window[1]));
        }
    }
    Ok(())
}

#[test]
fn answers_are_the_originals() {
    let lines = lines();
    let namespace_id = lines[0]["namespace_id"].as_str().expect("a namespace");
    let (mut wrong, mut compared) = (Vec::new(), Compared::default());
    for line in &lines[1..] {
        if let Err(difference) = compare(line, namespace_id, &mut compared) {
            wrong.push(format!("{} {}: {difference}", line["id"], line["spec"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), lines.len() - 1, wrong.join("\n"));
    let known =
        Compared { refusals: 439, windows: 4_364, times: 45_167, unanswered: 22, changed: 75, backwards: 1 };
    assert_eq!(compared, known);
}
