//! Replays recorded histories: what running workflows have behind them must go on replaying without a difference.

mod patience;

use std::path::{Path, PathBuf};

use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_interceptors::WorkflowInterceptorConstructor;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use crate::workflows::{ApplyApiKey, CloseBillingMonth, CreateNamespace, DeleteNamespace, UpdateNamespace};

fn replayer(interceptors: Vec<WorkflowInterceptorConstructor>) -> WorkflowReplayer {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<CreateNamespace>()
        .and_then(|options| options.register_workflow::<UpdateNamespace>())
        .and_then(|options| options.register_workflow::<DeleteNamespace>())
        .and_then(|options| options.register_workflow::<ApplyApiKey>())
        .and_then(|options| options.register_workflow::<CloseBillingMonth>())
        .unwrap();
    let mut options = options.build();
    options.register_workflow_interceptors(interceptors);
    WorkflowReplayer::new(options).unwrap()
}

fn recorded() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn every_recorded_history_replays() {
    let replayer = replayer(Vec::new());
    let files = recorded();
    assert!(files.len() >= 14, "histories are missing: {files:?}");
    for file in files {
        let history = WorkflowHistory::from_json(&std::fs::read(&file).unwrap()).unwrap();
        if let Err(error) = replayer.replay_workflow(history).await {
            panic!("{} does not replay: {error}", file.display());
        }
    }
}

/// The replayer must notice a difference, or the test above says nothing: a history whose second activity is another
/// one.
#[tokio::test]
async fn a_changed_order_of_steps_does_not_replay() {
    let file = recorded().into_iter().find(|file| file.ends_with("create_namespace.json")).unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("place\""), "the recorded history no longer has that activity");
    let changed = text.replace("::place\"", "::fulfil\"");
    assert_ne!(text, changed);
    let history = WorkflowHistory::from_json(changed.as_bytes()).unwrap();
    assert!(replayer(Vec::new()).replay_workflow(history).await.is_err());
}
