//! What operators do with entities that a cell keeps aside, at the cell's own admin listener.

use std::net::TcpListener;
use std::path::Path;

use atoll_api::call::Code;
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::asking::Asker;
use crate::run::{Outcome, atoll};
use crate::running::{CELL, Running};

const TOKEN: &str = "of-the-admin-listener";
const INTERNAL: &str = "of-the-other-pieces";
const ASKER: Asker = Asker::with(INTERNAL);

/// A cell with an admin listener, configured in `cell.toml`.
fn configure(folder: &Path) {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "auth = \"keys\"\ndrain_seconds = 1\ninternal_token = \"{INTERNAL}\"\n\
         [[namespaces]]\nname = \"default\"\n\
         [admin]\nlisten = \"{admin}\"\ntoken = \"{TOKEN}\"\n"
    );
    std::fs::write(folder.join("cell.toml"), text).unwrap();
}

fn start(folder: &Path) -> Running {
    Running::start(folder, &[&CELL[..], &["--config", "cell.toml"]].concat())
}

async fn begin(cell: &Running, workflow_id: &str) {
    ASKER.begin(cell.address(), workflow_id, 0).await.unwrap();
}

async fn described(cell: &Running, workflow_id: &str) -> Option<Code> {
    ASKER.describe(cell.address(), workflow_id).await.err().map(|status| status.code)
}

/// A cell that keeps the run of `bad` aside, because its snapshot is damaged, and serves `good`.
async fn cell_with_one_aside(folder: &Path) -> Running {
    configure(folder);
    let cell = start(folder);
    for workflow_id in ["bad", "good"] {
        begin(&cell, workflow_id).await;
    }
    cell.stop();
    let options = SqliteConnectOptions::new().filename(folder.join("cell.db"));
    let mut database = options.connect().await.unwrap();
    let damage = "UPDATE entity SET snapshot = X'FFFFFFFF' WHERE kind = 2 AND id = CAST('bad' AS BLOB)";
    assert_eq!(sqlx::query(damage).execute(&mut database).await.unwrap().rows_affected(), 1);
    sqlx::Connection::close(database).await.unwrap();
    let cell = start(folder);
    assert_eq!(described(&cell, "bad").await, Some(Code::Internal));
    assert_eq!(described(&cell, "good").await, None);
    cell
}

fn quarantine(folder: &Path, arguments: &[&str]) -> Outcome {
    atoll(folder, &[&["cell", "quarantine"][..], arguments, &["--config", "cell.toml"]].concat())
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let outcome = quarantine(folder, &[arguments, &["--output", "json"]].concat());
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{arguments:?}");
    serde_json::from_str(&outcome.out).unwrap()
}

#[tokio::test]
async fn what_a_cell_keeps_aside_is_listed_shown_tried_again_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let cell = cell_with_one_aside(folder.path()).await;

    let listed = quarantine(folder.path(), &["list"]);
    assert_eq!((listed.code, listed.err.as_str()), (0, ""));
    let lines: Vec<&str> = listed.out.lines().collect();
    assert_eq!(lines.len(), 2, "{listed:?}");
    assert!(lines[0].starts_with("SHARD  KIND"), "{listed:?}");
    assert!(lines[1].contains("workflow run") && lines[1].contains("  bad  "), "{listed:?}");
    let all = json(folder.path(), &["list"]);
    assert_eq!((all["count"].as_u64(), all["entities"][0]["id"].as_str()), (Some(1), Some("bad")));
    assert_eq!(json(folder.path(), &["list", "--id", "good"])["count"], 0);

    let shown = quarantine(folder.path(), &["show", "--id", "bad"]);
    assert_eq!((shown.code, shown.err.as_str()), (0, ""));
    assert!(shown.out.contains("Stored     4 bytes, as of log row "), "{shown:?}");
    let shown = json(folder.path(), &["show", "--id", "bad", "--kind", "2"]);
    assert_eq!(shown["entity"], all["entities"][0]);
    assert_eq!(shown["stored"]["snapshot"], "/////w==");

    let retried = quarantine(folder.path(), &["retry", "--id", "bad"]);
    assert_eq!(retried.code, 1, "{retried:?}");
    assert!(retried.err.contains("is kept aside as before: "), "{retried:?}");
    assert_eq!(described(&cell, "good").await, None, "the shard serves on");

    let careless = quarantine(folder.path(), &["drop", "--id", "bad"]);
    assert_eq!(careless.code, 2, "{careless:?}");
    assert!(careless.err.contains("pass --yes"), "{careless:?}");
    assert_eq!(json(folder.path(), &["list"])["count"], 1);
    let dropped = json(folder.path(), &["drop", "--id", "bad", "--yes"]);
    assert_eq!((&dropped["deleted"], &dropped["entity"]["id"]), (&Value::Bool(true), &"bad".into()));
    assert_eq!(json(folder.path(), &["list"])["count"], 0);
    assert_eq!(described(&cell, "bad").await, Some(Code::NotFound));
    begin(&cell, "bad").await;
    cell.stop();
}

#[tokio::test]
async fn a_run_whose_events_beside_the_log_are_damaged_is_kept_aside_and_the_cell_serves() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let cell = start(folder.path());
    ASKER.begin(cell.address(), "bad", 100_000).await.unwrap();
    begin(&cell, "good").await;
    cell.kill();
    let mut database =
        SqliteConnectOptions::new().filename(folder.path().join("cell.db")).connect().await.unwrap();
    let damage = "UPDATE history SET events = X'00'";
    assert_eq!(sqlx::query(damage).execute(&mut database).await.unwrap().rows_affected(), 1);
    sqlx::Connection::close(database).await.unwrap();
    let cell = start(folder.path());
    assert_eq!(described(&cell, "bad").await, Some(Code::Internal));
    assert_eq!(described(&cell, "good").await, None);
    let all = json(folder.path(), &["list"]);
    assert_eq!((all["count"].as_u64(), all["entities"][0]["id"].as_str()), (Some(1), Some("bad")));
    assert!(all["entities"][0]["why"].as_str().unwrap().contains("beside the log, are 1 bytes"), "{all}");
    let dropped = json(folder.path(), &["drop", "--id", "bad", "--even-unread", "--yes"]);
    assert_eq!((&dropped["deleted"], &dropped["entity"]["id"]), (&Value::Bool(true), &"bad".into()));
    assert_eq!(described(&cell, "bad").await, Some(Code::NotFound));
    assert_eq!(described(&cell, "good").await, None);
    cell.stop();
}

#[tokio::test]
async fn what_is_not_kept_aside_or_whose_cell_does_not_answer_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let cell = start(folder.path());
    begin(&cell, "good").await;
    for command in [&["show"][..], &["retry"], &["drop", "--yes"]] {
        for id in ["good", "unknown"] {
            let outcome = quarantine(folder.path(), &[command, &["--id", id]].concat());
            assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{outcome:?}");
            assert!(outcome.err.contains("nothing of that name is kept aside"), "{outcome:?}");
        }
    }
    let confirmed = atoll(folder.path(), &["cell", "confirm-clock", "--config", "cell.toml"]);
    assert_eq!((confirmed.code, confirmed.err.as_str()), (0, ""), "{confirmed:?}");
    cell.stop();

    let away = quarantine(folder.path(), &["list"]);
    assert_eq!(away.code, 1, "{away:?}");
    assert!(away.err.contains("cell at 127.0.0.1:") && away.err.contains("UNAVAILABLE"), "{away:?}");
    let nowhere = atoll(folder.path(), &["cell", "quarantine", "list"]);
    assert_eq!((nowhere.code, nowhere.err.contains("which cell?")), (2, true), "{nowhere:?}");
    let tokenless = ["cell", "confirm-clock", "--admin-address", "127.0.0.1:1"];
    let tokenless = atoll(folder.path(), &tokenless);
    assert_eq!((tokenless.code, tokenless.err.contains("--admin-token")), (2, true), "{tokenless:?}");
    for outcome in [away, nowhere, tokenless] {
        assert!(!outcome.err.contains(TOKEN), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_wrong_token_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let cell = start(folder.path());
    let text = std::fs::read_to_string(folder.path().join("cell.toml")).unwrap();
    std::fs::write(folder.path().join("wrong.toml"), text.replace(TOKEN, "another")).unwrap();
    for command in [&["quarantine", "list"][..], &["confirm-clock"]] {
        let outcome = atoll(folder.path(), &[&["cell"][..], command, &["--config", "wrong.toml"]].concat());
        assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{outcome:?}");
        assert!(outcome.err.contains("UNAUTHENTICATED"), "{outcome:?}");
    }
    cell.stop();
}
