//! Records one history of each workflow and outcome, for the replay tests.
//!
//! `cargo run -p durable-workflows --example record_histories -- ADDRESS [NAMESPACE]` runs every workflow against a
//! server, with activities that do nothing or fail, and writes the histories to `tests/histories`. A history that is
//! there already is kept: running workflows have it behind them, so code must go on replaying it. Record a new name
//! beside it instead.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use async_trait::async_trait;
use durable_workflows::{
    Activities, ActivityFailure, BillingMonthActivities, FailedOperation, MonthDraft, MonthDraftInput,
    MonthInput, MonthOutput, MonthSnapshot, NamespaceActivities, OperationInput, OperationKind, SystemCell,
    WorkerConfig, WorkflowClient, run_worker,
};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, WorkflowFetchHistoryOptions};
use tokio_util::sync::CancellationToken;

/// Fails at the step that it is told to, for good; at all others it succeeds.
#[derive(Default)]
struct Steps {
    failing: Mutex<&'static str>,
}

impl Steps {
    fn step(&self, name: &str) -> Result<(), ActivityFailure> {
        if *self.failing.lock().expect("no panic while locked") == name {
            return Err(ActivityFailure::permanent("Injected", format!("{name} failed")));
        }
        Ok(())
    }
}

macro_rules! steps {
    ($($name:ident),*) => {
        #[async_trait]
        impl NamespaceActivities for Steps {
            $(async fn $name(&self, _: OperationInput) -> Result<(), ActivityFailure> {
                self.step(stringify!($name))
            })*
            async fn compensate(&self, _: FailedOperation) -> Result<(), ActivityFailure> {
                self.step("compensate")
            }
        }
    };
}
steps!(begin, place, apply_namespace, push_keys, publish_route, withdraw_route, remove_namespace, fulfil);

#[async_trait]
impl BillingMonthActivities for Steps {
    async fn check_complete(&self, month: MonthInput) -> Result<MonthSnapshot, ActivityFailure> {
        self.step("check_complete")?;
        Ok(MonthSnapshot::Run { run_id: format!("run-{}", month.month) })
    }

    async fn rate(&self, run: MonthDraftInput) -> Result<MonthDraft, ActivityFailure> {
        self.step("rate")?;
        Ok(MonthDraft { run_id: run.run_id, invoice_id: "inv".to_owned(), content_hash: "00".to_owned() })
    }

    async fn finalize(&self, draft: MonthDraft) -> Result<MonthOutput, ActivityFailure> {
        self.step("finalize")?;
        Ok(MonthOutput { invoice_id: draft.invoice_id, content_hash: draft.content_hash })
    }
}

const OPERATIONS: [(OperationKind, &str, &[&str]); 4] = [
    (OperationKind::CreateNamespace, "create_namespace", &["", "place", "apply_namespace", "publish_route"]),
    (OperationKind::UpdateNamespace, "update_namespace", &["", "apply_namespace"]),
    (OperationKind::DeleteNamespace, "delete_namespace", &["", "remove_namespace"]),
    (OperationKind::ApplyApiKey, "apply_api_key", &["", "push_keys"]),
];
const MONTHS: [&str; 4] = ["", "check_complete", "rate", "finalize"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("which server?")?;
    let namespace = arguments.next().unwrap_or_else(|| "default".to_owned());
    let url: url::Url = format!("http://{address}").parse()?;
    let connection =
        Connection::connect(ConnectionOptions::new(url).dns_load_balancing(None).build()).await?;
    let histories = Client::new(connection, ClientOptions::new(namespace.clone()).build())?;
    let cell = SystemCell { address, namespace, api_key: None };
    let steps = Arc::new(Steps::default());
    let stop = CancellationToken::new();
    let queue = format!("record-{}", std::process::id());
    let config =
        WorkerConfig { cell: cell.clone(), task_queue: queue.clone(), identity: "recorder".to_owned() };
    let activities = Activities { namespaces: Some(steps.clone()), billing_months: Some(steps.clone()) };
    let worker = tokio::spawn(run_worker(config, activities, stop.clone()));
    let client = WorkflowClient::new(cell, queue.clone(), "recorder");

    for (kind, name, failing) in OPERATIONS {
        for step in failing {
            *steps.failing.lock().expect("no panic while locked") = step;
            let id = format!("{queue}-{name}-{step}");
            client.start_operation(kind, OperationInput { workflow_id: id.clone() }).await?;
            println!("{name} failing at {step:?}: {:?}", client.wait(&id).await);
            record(&histories, &id, name, step).await?;
        }
    }
    for step in MONTHS {
        *steps.failing.lock().expect("no panic while locked") = step;
        let month = MonthInput { account_id: queue.clone(), month: format!("m-{step}"), force_reason: None };
        let id = month.workflow_id();
        println!("close_billing_month failing at {step:?}: {:?}", client.close_month(month).await);
        record(&histories, &id, "close_billing_month", step).await?;
    }
    stop.cancel();
    worker.await??;
    Ok(())
}

async fn record(client: &Client, id: &str, name: &str, step: &str) -> anyhow::Result<()> {
    let handle = client.get_workflow_handle::<temporalio_client::UntypedWorkflow>(id);
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await?;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let suffix = if step.is_empty() { String::new() } else { format!("-{step}-fails") };
    let file = folder.join(format!("{name}{suffix}.json"));
    if !file.exists() {
        std::fs::write(file, history)?;
    }
    Ok(())
}
