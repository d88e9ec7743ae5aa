//! What an order uses.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::cloud::Cloud;
use crate::support::{eventually, http, story};

#[test]
fn an_order_is_metered_as_its_history_is_counted_by_hand() {
    let cloud = Cloud::start();
    let namespace = cloud.create_namespace("orders");
    let order = story::play(&cloud, &namespace, &[]);
    assert_eq!(order["result"][1], "charged at attempt 3", "{order}");
    let rows = story::usage_of_one_order(&cloud, &namespace);

    // Beside what a whole order costs, what this very order did by its own count.
    let counted = |name: &str| order["counts"][name].as_u64().expect("a count");
    let by_hand = [
        ("query_workflow", counted("queries")),
        ("retry_activity", counted("activity_retries")),
        ("schedule_activity", counted("activities")),
        ("signal_workflow", counted("signals")),
        ("start_child_workflow", 2 * counted("child_starts")),
        ("start_timer", counted("timers")),
        ("start_workflow", counted("workflow_starts")),
    ];
    assert_eq!(by_hand, story::ACTIONS);
    assert_eq!(story::total_actions(), 15);
    for row in &rows {
        assert_eq!(row["namespace"], namespace, "{row}");
        assert_eq!(row["accountId"], cloud.field("account_id"), "{row}");
    }
    active_storage(&cloud, &namespace, &order);
    over_rest(&cloud, &namespace, &rows);
    once_more(&cloud, &namespace, &order);
}

/// What the order and its child have stored while they were open: each event from its time to the end of its run. An
/// event that is written some time after what it tells of takes up less.
fn active_storage(cloud: &Cloud, namespace: &str, order: &Value) {
    let stored = order["stored"].as_array().expect("an order and its child");
    assert_eq!(stored.len(), 2, "{order}");
    let by_hand: u64 = stored.iter().map(|run| run["byte_ms"].as_u64().expect("a number")).sum();
    assert!(by_hand > 1_000_000, "some kilobytes for more than a second: {order}");
    eventually("the active storage of an order that has ended", || {
        let shown = story::storage(&story::usage(cloud, namespace), "active_storage");
        let (least, most) = (by_hand * 9 / 10, by_hand * 11 / 10);
        if (least..most).contains(&shown) { Ok(()) } else { Err(format!("{shown} of {by_hand}")) }
    });
}

/// What the order's shard tells next is one more start, and storage for the time until then. Nothing of before is
/// counted again.
#[allow(clippy::disallowed_methods, reason = "no test runs longer than the order has been stored")]
fn once_more(cloud: &Cloud, namespace: &str, order: &Value) {
    let workflow_id = order["workflow_id"].as_str().expect("an id");
    let again = story::play(cloud, namespace, &["--phases", "again", "--workflow-id", workflow_id]);
    let started_ms = again["started_ms"].as_u64().expect("a time");
    let rows = eventually("the usage of one more start", || {
        let rows = story::usage(cloud, namespace);
        if story::actions(&rows) == story::one_order() { Err(format!("{rows:?}")) } else { Ok(rows) }
    });
    let now_ms = u64::try_from(Timestamp::now().as_millisecond()).expect("a time");
    let mut expected = story::one_order();
    expected.insert("start_workflow".to_owned(), 2);
    assert_eq!(story::actions(&rows), expected);

    let number = |run: &Value, name: &str| run[name].as_u64().expect("a number");
    let until = |run: &Value, ms: u64| number(run, "bytes") * (ms - number(run, "ended_ms"));
    let stored = order["stored"].as_array().expect("an order and its child");
    let least = until(&stored[0], started_ms) * 9 / 10;
    let most = stored.iter().map(|run| until(run, now_ms)).sum::<u64>() * 11 / 10;
    let shown = story::storage(&rows, "retained_storage");
    assert!((least..most).contains(&shown), "{shown} byte-ms are retained, not {least} to {most}");
}

/// REST shows the fifteen Actions too, by the hour and as published, and so does the command line as published, which
/// speaks gRPC.
fn over_rest(cloud: &Cloud, namespace: &str, rows: &[Value]) {
    let (address, key) = (cloud.field("cloud_address"), Some(cloud.field("api_key")));
    let account = cloud.field("account_id");
    let first = rows[0]["hour"].as_str().expect("an hour");
    let day = format!("{}T00:00:00Z", &first[..10]);
    let start: Timestamp = day.parse().expect("a time");
    let end = start.checked_add(SignedDuration::from_hours(24)).expect("a time").to_string();
    let period = ["--start", &day, "--end", &end];

    let path = format!("/usage?accountId={account}&namespace={namespace}&startTime={day}&endTime={end}");
    let (status, shown) = http::call(address, "GET", &path, key, None);
    assert_eq!(status, 200, "{shown}");
    assert_eq!(story::actions(shown["rows"].as_array().expect("rows")), story::one_order());

    let printed = cloud.json(&[&["usage"][..], &period].concat());
    let path = format!("/cloud/usage?startTimeInclusive={day}&endTimeExclusive={end}");
    let (status, shown) = http::call(address, "GET", &path, key, None);
    assert_eq!(status, 200, "{shown}");
    for summaries in [&printed, &shown["summaries"]] {
        assert_eq!(published_actions(summaries, namespace), 15.0, "{summaries}");
    }
}

/// All published Actions, each of which is grouped under that namespace.
fn published_actions(summaries: &Value, namespace: &str) -> f64 {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut sum = 0.0;
    for group in list(summaries).iter().flat_map(|summary| list(&summary["recordGroups"])) {
        let grouped = json!([{ "key": "GROUP_BY_KEY_NAMESPACE", "value": namespace }]);
        assert_eq!(group["groupBys"], grouped, "{group}");
        let records = list(&group["records"]);
        let actions = records.iter().filter(|record| record["type"] == "RECORD_TYPE_ACTIONS");
        sum += actions.map(|record| record["value"].as_f64().expect("a number")).sum::<f64>();
    }
    sum
}
