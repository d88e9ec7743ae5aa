use std::time::Duration;

use anyhow::{Context, bail};
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetAsyncOperationRequest, cloud_service};
use atoll_api::temporal::api::cloud::operation::v1::AsyncOperation;
use atoll_api::temporal::api::cloud::operation::v1::async_operation::State;
use clap::{Args, Subcommand};

use super::ClientArgs;
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::time::shown;
use crate::client::{CloudClient, json};

/// Shortest and longest pause between looks; the cloud proposes one.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Operations that run in the background.
#[derive(Debug, Subcommand)]
pub(crate) enum OperationCommand {
    /// Show an operation
    Get(GetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Its id
    id: String,
    /// Wait until it has ended; exit code 1 unless it was fulfilled
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl OperationCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let Self::Get(args) = self;
        let client = CloudClient::connect(&args.client.target, Credential::Account)?;
        let operation =
            if args.wait { ended(&client, &args.id).await? } else { get(&client, &args.id).await? };
        args.client.output.print(|| table(&operation), || json::of(&operation))?;
        if args.wait { fulfilled(&operation) } else { Ok(()) }
    }
}

/// The flag of commands that start an operation.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct WaitArgs {
    /// Do not wait until it is done
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Id of the operation: sending the same again changes nothing more
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) async_operation_id: String,
}

impl WaitArgs {
    /// Waits for an operation that was started, unless told not to. Fails if it fails.
    pub(crate) async fn settle(
        &self,
        client: &CloudClient,
        started: Option<AsyncOperation>,
    ) -> anyhow::Result<AsyncOperation> {
        let started = started.context("the cloud named no operation")?;
        if self.no_wait {
            return Ok(started);
        }
        let operation = ended(client, &started.id).await?;
        fulfilled(&operation)?;
        Ok(operation)
    }
}

async fn get(client: &CloudClient, id: &str) -> anyhow::Result<AsyncOperation> {
    let request = GetAsyncOperationRequest { async_operation_id: id.to_owned() };
    let answer = client.call(cloud_service::GET_ASYNC_OPERATION, &request).await?;
    answer.async_operation.context("the cloud answered without an operation")
}

async fn ended(client: &CloudClient, id: &str) -> anyhow::Result<AsyncOperation> {
    loop {
        let operation = get(client, id).await?;
        match operation.state() {
            State::Unspecified | State::Pending | State::InProgress => {}
            State::Failed | State::Cancelled | State::Fulfilled | State::Rejected => return Ok(operation),
        }
        let proposed = operation.check_duration.and_then(|duration| Duration::try_from(duration).ok());
        tokio::time::sleep(proposed.unwrap_or(PAUSE.0).clamp(PAUSE.0, PAUSE.1)).await;
    }
}

fn fulfilled(operation: &AsyncOperation) -> anyhow::Result<()> {
    match operation.state() {
        State::Fulfilled => Ok(()),
        _ => bail!("operation {} {}: {}", operation.id, state_name(operation), operation.failure_reason),
    }
}

/// The state as the contract's older field spelled it: `in_progress`.
pub(crate) fn state_name(operation: &AsyncOperation) -> String {
    operation.state().as_str_name().trim_start_matches("STATE_").to_lowercase()
}

fn table(operation: &AsyncOperation) -> Table {
    let mut table = Table::new(["OPERATION", "TYPE", "STATE", "STARTED", "FINISHED", "FAILURE"]);
    table.row([
        operation.id.clone(),
        operation.operation_type.clone(),
        state_name(operation),
        shown(operation.started_time.as_ref()),
        shown(operation.finished_time.as_ref()),
        operation.failure_reason.clone(),
    ]);
    table
}
