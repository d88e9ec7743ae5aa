//! The same call over every way in.

use serde_json::json;

use crate::support::cloud::Cloud;
use crate::support::{eventually, http};

#[test]
fn namespaces_are_made_over_grpc_and_rest_each_in_the_cell_that_has_room() {
    let cloud = Cloud::start();
    let (address, key) = (cloud.field("cloud_address"), Some(cloud.field("api_key")));
    let account = cloud.field("account_id");
    assert_eq!(cloud.create_namespace("orders"), format!("orders.{account}"));

    let asked = json!({ "spec": { "name": "parcels", "regions": ["local"], "retentionDays": 3 } });
    let (status, accepted) = http::call(address, "POST", "/cloud/namespaces", key, Some(&asked));
    assert_eq!(status, 200, "{accepted}");
    let namespace = accepted["namespace"].as_str().expect("an id");
    assert_eq!(namespace, format!("parcels.{account}"));
    let operation = accepted["asyncOperation"]["id"].as_str().expect("an operation");
    eventually("the fulfilled operation", || {
        let (_, shown) = http::call(address, "GET", &format!("/cloud/operations/{operation}"), key, None);
        if shown["asyncOperation"]["state"] == "STATE_FULFILLED" { Ok(()) } else { Err(shown.to_string()) }
    });
    let (status, made) = http::call(address, "GET", &format!("/cloud/namespaces/{namespace}"), key, None);
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["namespace"]["state"], "RESOURCE_STATE_ACTIVE", "{made}");
    assert_eq!(made["namespace"]["spec"]["retentionDays"], 3, "{made}");

    // On the command line a name alone is one of the key's own account.
    for given in ["parcels", namespace] {
        assert_eq!(cloud.json(&["namespace", "get", given])["namespace"], namespace);
    }
    let refused = cloud.attempt(&["namespace", "get", "nowhere"]).unwrap_err();
    assert!(refused.contains(&format!("nowhere.{account}")), "{refused}");

    let cells = cloud.text(&["cell", "list"]);
    let counts: Vec<[&str; 2]> = cells
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|columns| [columns[0], columns[3]])
        .collect();
    assert_eq!(counts, [["a", "1"], ["b", "1"]], "{cells}");

    let (status, refused) = http::call(address, "POST", "/cloud/namespaces", key, Some(&asked));
    assert_eq!(status, 409, "the name is taken: {refused}");
}
