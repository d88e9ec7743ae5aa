//! Lists of a cell that were lost are made anew by a command at its admin listener.

use std::net::TcpListener;
use std::path::Path;

use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use serde_json::Value;

use crate::asking::Asker;
use crate::content::content;
use crate::run::atoll;
use crate::running::{CELL, Running};

const RUNS: usize = 20;
const INTERNAL: &str = "of-the-other-pieces";
const ASKER: Asker = Asker::with(INTERNAL);

fn start(folder: &Path) -> Running {
    Running::start(folder, &[&CELL[..], &["--config", "cell.toml"]].concat())
}

async fn count(cell: &Running) -> i64 {
    let request =
        wf::CountWorkflowExecutionsRequest { namespace: "default".to_owned(), ..Default::default() };
    ASKER.call(cell.address(), rpc::COUNT_WORKFLOW_EXECUTIONS, request).await.unwrap().count
}

#[tokio::test]
async fn a_cell_without_its_lists_has_them_again_when_they_were_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "auth = \"keys\"\ninternal_token = \"{INTERNAL}\"\ndrain_seconds = 1\n[[namespaces]]\nname = \"default\"\n[admin]\nlisten = \"{admin}\"\ntoken = \"t\"\n"
    );
    std::fs::write(folder.path().join("cell.toml"), text).unwrap();
    let cell = start(folder.path());
    for n in 0..RUNS {
        ASKER.begin(cell.address(), &format!("w-{n}"), 0).await.unwrap();
    }
    // In order: all that stands in the log alone is stored.
    cell.stop();
    // With what says that there was such a file.
    for file in content(folder.path()).into_keys() {
        if file.file_name().unwrap().to_str().unwrap().starts_with("cell-visibility.db") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let cell = start(folder.path());
    assert_eq!(count(&cell).await, 0);
    let rebuild = ["cell", "rebuild-visibility", "--config", "cell.toml", "--output", "json"];
    for _ in 0..2 {
        let outcome = atoll(folder.path(), &rebuild);
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{outcome:?}");
        let said: Value = serde_json::from_str(&outcome.out).unwrap();
        assert_eq!((said["written"].as_u64(), said["left_out"].as_u64()), (Some(RUNS as u64), Some(0)));
        assert_eq!(count(&cell).await, RUNS as i64);
    }
    cell.stop();
    let away = atoll(folder.path(), &rebuild);
    assert_eq!(away.code, 1, "{away:?}");
    assert!(away.err.contains("cell at 127.0.0.1:") && away.err.contains("UNAVAILABLE"), "{away:?}");
}
