//! What an order uses.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

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
    for row in &rows {
        assert_eq!(row["namespace"], namespace, "{row}");
        assert_eq!(row["accountId"], cloud.field("account_id"), "{row}");
    }
    for kind in ["active_storage", "retained_storage"] {
        assert!(rows.iter().any(|row| row["kind"] == kind), "{kind}: {rows:?}");
    }
    over_rest(&cloud, &namespace, &rows);
}

/// REST shows what the command line shows, which speaks gRPC.
fn over_rest(cloud: &Cloud, namespace: &str, rows: &[Value]) {
    let (address, key) = (cloud.field("cloud_address"), Some(cloud.field("api_key")));
    let account = cloud.field("account_id");
    let first = rows[0]["hour"].as_str().expect("an hour");
    let day = format!("{}T00:00:00Z", &first[..10]);
    let start: Timestamp = day.parse().expect("a time");
    let end = start.checked_add(SignedDuration::from_hours(24)).expect("a time").to_string();
    let period = ["--start", &day, "--end", &end];

    // Storage accrues between two calls, Actions do not.
    let actions = |rows: &[Value]| -> Vec<Value> {
        rows.iter().filter(|row| row["kind"] == "actions").cloned().collect()
    };
    let path = format!("/usage?accountId={account}&namespace={namespace}&startTime={day}&endTime={end}");
    eventually("the same usage over both", || {
        let printed = cloud.json(&[&["usage", "--by-hour", "--namespace", namespace][..], &period].concat());
        let printed = actions(printed.as_array().expect("rows"));
        let (status, shown) = http::call(address, "GET", &path, key, None);
        assert_eq!(status, 200, "{shown}");
        let shown = actions(shown["rows"].as_array().expect("rows"));
        if !shown.is_empty() && shown == printed { Ok(()) } else { Err(format!("{shown:?}\n{printed:?}")) }
    });

    let path = format!("/cloud/usage?startTimeInclusive={day}&endTimeExclusive={end}");
    eventually("the same days over both", || {
        let printed = cloud.json(&[&["usage"][..], &period].concat());
        let (status, shown) = http::call(address, "GET", &path, key, None);
        assert_eq!(status, 200, "{shown}");
        let [printed, shown] = [&printed, &shown["summaries"]].map(published_actions);
        if !shown.is_empty() && shown == printed { Ok(()) } else { Err(format!("{shown:?}\n{printed:?}")) }
    });
}

/// Day, group and value of each published record of Actions.
fn published_actions(summaries: &Value) -> Vec<[Value; 3]> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for summary in list(summaries) {
        for group in list(&summary["recordGroups"]) {
            let records = list(&group["records"]);
            for record in records.iter().filter(|record| record["type"] == "RECORD_TYPE_ACTIONS") {
                found.push([&summary["startTime"], &group["groupBys"], &record["value"]].map(Value::clone));
            }
        }
    }
    found
}
