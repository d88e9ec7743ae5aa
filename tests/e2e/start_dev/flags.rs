//! The flags of `server start-dev`, each by what it does.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::DevServer;
use crate::support::{eventually, http};

/// Starts a workflow with a search attribute; answers its run.
fn start(server: &DevServer, namespace: &str, workflow_id: &str, attribute: (&str, &str)) -> String {
    let request = json!({
        "workflowType": { "name": "order" },
        "taskQueue": { "name": "orders" },
        "searchAttributes": { "indexedFields": { attribute.0: attribute.1 } },
    });
    let path = format!("/api/v1/namespaces/{namespace}/workflows/{workflow_id}");
    let (status, started) = http::call(&server.address, "POST", &path, None, Some(&request));
    assert_eq!(status, 200, "{started}");
    started["runId"].as_str().expect("a run").to_owned()
}

/// Waits until exactly this run is found by an attribute.
fn found(server: &DevServer, namespace: &str, attribute: (&str, &str), run_id: &str) {
    let path = format!("/api/v1/namespaces/{namespace}/workflows?query={}%3D'{}'", attribute.0, attribute.1);
    eventually("the listed workflow", || {
        let (status, listed) = http::call(&server.address, "GET", &path, None, None);
        let runs: Option<Vec<&Value>> = listed["executions"]
            .as_array()
            .map(|found| found.iter().map(|info| &info["execution"]["runId"]).collect());
        if (status, runs) == (200, Some(vec![&json!(run_id)])) { Ok(()) } else { Err(listed.to_string()) }
    });
}

fn namespaces(server: &DevServer) -> Vec<String> {
    let (status, listed) = http::call(&server.address, "GET", "/api/v1/namespaces", None, None);
    assert_eq!(status, 200, "{listed}");
    let all = listed["namespaces"].as_array().expect("namespaces").iter();
    let mut names: Vec<String> =
        all.map(|one| one["namespaceInfo"]["name"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_keeps_everything_over_kills_and_takes_what_is_named_later() {
    let folder = TempDir::new().expect("temporary folder");
    let file = folder.path().join("dev.db").display().to_string();
    let first = ["--db-filename", &file, "--namespace", "orders", "-n", "parcels"];
    let server = DevServer::start(&[&first[..], &["--search-attribute", "Customer=Keyword"]].concat());
    assert_eq!(namespaces(&server), ["default", "orders", "parcels"]);
    let run = start(&server, "orders", "w-1", ("Customer", "alice"));
    found(&server, "orders", ("Customer", "alice"), &run);
    server.kill();

    let later = ["-f", &file, "-n", "later", "-n", "orders"];
    let attributes = ["--search-attribute", "Customer=Keyword", "--search-attribute", "Place=Keyword"];
    let server = DevServer::start(&[&later[..], &attributes].concat());
    assert_eq!(namespaces(&server), ["default", "later", "orders", "parcels"]);
    found(&server, "orders", ("Customer", "alice"), &run);
    for (namespace, workflow_id) in [("orders", "w-2"), ("later", "w-3")] {
        let run = start(&server, namespace, workflow_id, ("Place", "here"));
        found(&server, namespace, ("Place", "here"), &run);
    }
}

#[test]
fn without_a_file_nothing_outlives_the_server() {
    let server = DevServer::start(&["--search-attribute", "Customer=Keyword"]);
    let run = start(&server, "default", "w", ("Customer", "bob"));
    found(&server, "default", ("Customer", "bob"), &run);
    server.kill();
    let server = DevServer::start(&[]);
    let (status, gone) =
        http::call(&server.address, "GET", "/api/v1/namespaces/default/workflows/w", None, None);
    assert_eq!(status, 404, "{gone}");
}

#[test]
fn settings_and_logs_are_what_the_flags_say() {
    let server = DevServer::start(&[
        "--ui-port",
        "1",
        "--log-format",
        "json",
        "--log-level",
        "info",
        "--dynamic-config-value",
        "limit.maxIDLength=20",
        "--dynamic-config-value",
        "no.such.key=1",
    ]);
    let long = "x".repeat(21);
    let path = format!("/api/v1/namespaces/default/workflows/{long}");
    let request = json!({ "workflowType": { "name": "t" }, "taskQueue": { "name": "q" } });
    let (status, refused) = http::call(&server.address, "POST", &path, None, Some(&request));
    assert_eq!((status, &refused["message"]), (400, &json!("WorkflowId length exceeds limit.")), "{refused}");
    let log = eventually("a log line", || {
        let log = server.log();
        if log.contains("no.such.key") { Ok(log) } else { Err(log) }
    });
    let warnings: Vec<&str> = log.lines().filter(|line| !line.starts_with('{')).collect();
    assert!(warnings.is_empty(), "{log}");
    for line in log.lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(!log.contains('\u{1b}'), "no colours in a file: {log}");
}
