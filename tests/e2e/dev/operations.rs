//! Operations outlive the process that carries them out.

use serde_json::{Value, json};

use crate::support::cloud::Cloud;
use crate::support::{eventually, http, story};

#[test]
fn a_creation_that_a_kill_of_the_control_plane_interrupts_is_finished_once() {
    let cloud = Cloud::start();
    let (address, key) = (cloud.field("cloud_address"), Some(cloud.field("api_key")));
    // Whichever cell it is placed in does not answer.
    let held = ["cell-a", "cell-b"].map(|cell| cloud.pause(cell));
    let asked = json!({
        "spec": { "name": "orders", "regions": ["local"], "retentionDays": 3 },
        "asyncOperationId": "create-orders",
    });
    let create = || http::call(address, "POST", "/cloud/namespaces", key, Some(&asked));
    let (status, accepted) = create();
    assert_eq!(status, 200, "{accepted}");
    let namespace = accepted["namespace"].as_str().expect("an id").to_owned();
    let operation = accepted["asyncOperation"]["id"].as_str().expect("an operation").to_owned();
    in_state(&cloud, &operation, "STATE_IN_PROGRESS");

    cloud.kill("control-plane");
    in_state(&cloud, &operation, "STATE_IN_PROGRESS");
    drop(held);
    in_state(&cloud, &operation, "STATE_FULFILLED");

    let (status, again) = create();
    assert_eq!((status, again["asyncOperation"]["id"].as_str()), (200, Some(&*operation)), "{again}");
    let (status, listed) = http::call(address, "GET", "/cloud/namespaces", key, None);
    assert_eq!((status, listed["namespaces"].as_array().map(Vec::len)), (200, Some(1)), "{listed}");
    assert_eq!(listed["namespaces"][0]["state"], "RESOURCE_STATE_ACTIVE", "{listed}");
    let cells = cloud.text(&["cell", "list"]);
    let placed = cells.lines().skip(1).filter_map(|line| line.split_whitespace().nth(3));
    assert_eq!(placed.map(|count| count.parse::<u32>().expect("a count")).sum::<u32>(), 1, "{cells}");
    story::play(&cloud, &namespace, &[]);
}

/// Waits until an operation is in this state; the control plane may be away meanwhile.
fn in_state(cloud: &Cloud, operation: &str, expected: &str) {
    eventually(expected, || {
        let printed = cloud.attempt(&["operation", "get", operation, "-o", "json"])?;
        let shown: Value = serde_json::from_str(&printed).expect("JSON");
        if shown["state"] == expected { Ok(()) } else { Err(printed) }
    });
}
