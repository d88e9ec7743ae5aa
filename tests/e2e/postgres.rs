//! `atoll cell serve` on PostgreSQL.

use std::fs;
use std::path::Path;
use std::process::Command;

use atoll_test_postgres::{Server, Settings, Stop};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::DevServer;
use crate::support::{eventually, http, python, story};

const RUNNING: &str = "WORKFLOW_EXECUTION_STATUS_RUNNING";

/// A cell on a new database, with its lists in a file of its folder, which goes with the answer.
fn cell_on(server: &Server) -> (DevServer, TempDir) {
    let folder = TempDir::new().expect("temporary folder");
    let url = url_file(server, folder.path());
    let data = folder.path().display().to_string();
    (DevServer::cell(&["--database-url-file", &url, "--data", &data]), folder)
}

/// As [`cell_on`], with its lists in a database, too.
fn cell_with_lists_on(server: &Server) -> (DevServer, TempDir) {
    let folder = TempDir::new().expect("temporary folder");
    let [url, lists] = [(); 2].map(|()| url_file(server, folder.path()));
    (DevServer::cell(&["--database-url-file", &url, "--visibility-database-url-file", &lists]), folder)
}

/// A file in the folder that holds the URL, with a password, of a new database.
fn url_file(server: &Server, folder: &Path) -> String {
    let database = server.database();
    server.sql("postgres", &format!("ALTER DATABASE {database} OWNER TO locked"));
    let file = folder.join(&database);
    let locked = format!("locked:{}@", Server::PASSWORD);
    fs::write(&file, server.url(&database).replace("postgres@", &locked)).expect("a URL");
    file.display().to_string()
}

/// The program of the story on a lone cell.
fn program(cell: &DevServer) -> Command {
    let mut program = python::program("story.py");
    program.args(["--address", &cell.address]);
    program
}

fn get(cell: &DevServer, path: &str) -> (u16, Value) {
    http::call(&cell.address, "GET", &format!("/api/v1/{path}"), None, None)
}

/// Starts a workflow on which nobody works.
fn start(cell: &DevServer, workflow_id: &str) -> (u16, Value) {
    let request = json!({ "workflowType": { "name": "order" }, "taskQueue": { "name": "orders" } });
    let path = format!("/api/v1/namespaces/default/workflows/{workflow_id}");
    http::call(&cell.address, "POST", &path, None, Some(&request))
}

/// Makes a namespace, which is written to the database at once.
fn register(cell: &DevServer, name: &str) -> (u16, Value) {
    let request = json!({ "namespace": name, "workflowExecutionRetentionPeriod": "86400s" });
    http::call(&cell.address, "POST", "/api/v1/namespaces", None, Some(&request))
}

fn describe(cell: &DevServer, workflow_id: &str) -> (u16, Value) {
    get(cell, &format!("namespaces/default/workflows/{workflow_id}"))
}

#[test]
fn an_order_that_a_kill_interrupts_goes_on() {
    let (mut cell, _folder) = cell_with_lists_on(Server::shared());
    let whole = story::play_with(&mut program(&cell));
    assert_eq!(whole["counts"]["child_starts"], 1, "{whole}");
    let (worker, started) = story::hold_with(program(&cell));
    cell.crash_and_restart();
    let order = ["workflow_id", "run_id"].map(|name| started[name].as_str().expect("an id"));
    let finish = ["--phases", "finish", "--workflow-id", order[0], "--run-id", order[1]];
    let finished = story::play_with(program(&cell).args(finish));
    assert_eq!(finished["result"][4], "order 7 packed", "{finished}");
    drop(worker);
    eventually("both orders and their children are listed", || {
        let (_, counted) =
            get(&cell, "namespaces/default/workflow-count?query=ExecutionStatus%3D'Completed'");
        if counted["count"] == "4" { Ok(()) } else { Err(counted.to_string()) }
    });
    let (_, cluster) = get(&cell, "cluster-info");
    assert_eq!(
        ["persistenceStore", "visibilityStore", "historyShardCount"].map(|name| &cluster[name]),
        [&json!("postgresql"), &json!("postgresql"), &json!(64)]
    );
    assert!(!cell.log().contains(Server::PASSWORD));
}

#[test]
fn a_database_that_stops_and_comes_back_is_waited_for() {
    let server = Server::start(&Settings::default());
    let (mut cell, _folder) = cell_on(&server);
    assert_eq!(start(&cell, "before").0, 200);
    for (stop, workflow_id) in [(Stop::Fast, "stopped"), (Stop::Crash, "crashed")] {
        server.stop(stop);
        let away = std::thread::scope(|scope| {
            // This one waits, or is refused.
            let waiting = scope.spawn(|| start(&cell, workflow_id));
            let (status, answer) = register(&cell, workflow_id);
            assert!(status >= 400, "nothing can have been written: {answer}");
            server.resume();
            waiting.join().expect("no panic")
        });
        assert!(cell.is_running(), "{}", cell.log());
        eventually("a namespace", || done(register(&cell, workflow_id)));
        if away.0 != 200 {
            eventually("a start", || done(start(&cell, workflow_id)));
        }
        for workflow_id in ["before", workflow_id] {
            eventually("a workflow that runs", || match describe(&cell, workflow_id) {
                (200, info) if info["workflowExecutionInfo"]["status"] == RUNNING => Ok(()),
                (_, answer) => Err(answer.to_string()),
            });
        }
    }
}

/// Whether a call was done, by now or before: who is told UNAVAILABLE does not know.
fn done((status, answer): (u16, Value)) -> Result<(), String> {
    if matches!(status, 200 | 409) { Ok(()) } else { Err(answer.to_string()) }
}
