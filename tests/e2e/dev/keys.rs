//! Whose key opens what.

use crate::support::cloud::Cloud;
use crate::support::{http, python, story, tests_dir};

#[test]
fn a_namespace_opens_to_a_key_of_its_account_alone() {
    let cloud = Cloud::start();
    let namespace = cloud.create_namespace("orders");
    let other = cloud.json(&["account", "create", "other"]);
    let other = other["adminKey"]["token"].as_str().expect("a key");
    assert_ne!(other, cloud.field("api_key"));

    assert_eq!(start(&cloud, &namespace, &[cloud.field("api_key")]), "accepted");
    assert_eq!(start(&cloud, &namespace, &[other]), "PERMISSION_DENIED");
    for key in [&[][..], &["unknown.key"]] {
        let refused = start(&cloud, &namespace, key);
        assert!(refused.contains("code: Unauthenticated"), "{key:?}: {refused}");
    }

    let seen = |key| http::call(cloud.field("cloud_address"), "GET", "/cloud/namespaces", key, None);
    let (status, own) = seen(Some(cloud.field("api_key")));
    assert_eq!((status, own["namespaces"][0]["namespace"].as_str()), (200, Some(&*namespace)), "{own}");
    let (status, foreign) = seen(Some(other));
    assert_eq!(status, 200, "{foreign}");
    assert!(foreign["namespaces"].as_array().is_none_or(Vec::is_empty), "{foreign}");
    assert_eq!(seen(None).0, 401);
}

/// How the service answers the SDK that starts a workflow with a key.
fn start(cloud: &Cloud, namespace: &str, key: &[&str]) -> String {
    let program = tests_dir().join("e2e/dev/refused.py");
    let mut command = python::program(program.to_str().expect("UTF-8"));
    let (success, out, err) = story::run(command.args([cloud.field("gateway_address"), namespace]).args(key));
    assert!(success, "{out}{err}");
    out.trim().to_owned()
}
