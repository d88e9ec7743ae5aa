//! What operators look at: health and metrics of every process.

use serde_json::json;

use crate::support::cloud::Cloud;
use crate::support::{http, story};

/// The metrics that tell of an order, by process. Where the original has a metric of that name, ours means the same.
const SHOWN: [(&str, &[&str]); 5] = [
    (
        "cell-a",
        &[
            "service_requests",
            "service_latency_bucket",
            "persistence_requests",
            "persistence_latency_bucket",
            "state_transition_count_sum",
            "poll_success",
            "loaded_task_queue_count",
            "approximate_backlog_count",
            "atoll_shard_tail_bytes",
        ],
    ),
    ("control-plane", &["service_requests", "service_latency_bucket"]),
    ("gateway", &["gateway_routes", "gateway_forwarded_calls_total"]),
    ("metering", &["metering_objects_ingested_total", "metering_entries_ingested_total"]),
    ("billing", &["billing_months_closed"]),
];

/// Gauges and counters that are there and may show 0 after an order.
const MAY_BE_NOTHING: [&str; 3] =
    ["approximate_backlog_count", "billing_months_closed", "loaded_task_queue_count"];

#[test]
fn every_process_tells_its_health_and_what_it_did() {
    let cloud = Cloud::start();
    let namespace = cloud.create_namespace("orders");
    story::play(&cloud, &namespace, &[]);
    story::usage_of_one_order(&cloud, &namespace);
    for (name, address) in cloud.addresses() {
        let (status, health) = http::call(&address, "GET", "/health", None, None);
        assert_eq!((status, health), (200, json!({ "status": "SERVING" })), "{name}");
        assert_eq!(sample(&metrics(&address), "atoll_build_info"), Some(1.0), "{name}");
    }
    for (name, shown) in SHOWN {
        let (_, address) = cloud.addresses().into_iter().find(|(other, _)| other == name).expect(name);
        let text = metrics(&address);
        for metric in shown {
            let value = sample(&text, metric);
            let counts = value.is_some_and(|value| value > 0.0);
            let may_be_nothing = MAY_BE_NOTHING.contains(metric);
            assert!(counts || may_be_nothing && value.is_some(), "{name}: {metric} is {value:?}");
        }
    }
}

fn metrics(address: &str) -> String {
    let (status, _, body) = http::get_as(address, "/metrics", "", "text/plain");
    assert_eq!(status, 200, "{body}");
    body
}

/// The largest sample of a metric over its labels.
fn sample(text: &str, metric: &str) -> Option<f64> {
    let samples = text.lines().filter(|line| {
        line.strip_prefix(metric).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
    });
    let values = samples.map(|line| line.rsplit(' ').next().expect("a value").parse().expect("a number"));
    values.reduce(f64::max)
}
