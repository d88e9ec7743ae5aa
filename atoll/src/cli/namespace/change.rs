//! What create, update and delete have in common.

use anyhow::Context;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetNamespaceRequest, cloud_service};
use atoll_api::temporal::api::cloud::namespace::v1::Namespace;
use atoll_api::temporal::api::cloud::operation::v1::AsyncOperation;
use serde_json::json;

use crate::cli::ClientArgs;
use crate::cli::operation::state_name;
use crate::cli::usage::own_account;
use crate::client::table::Table;
use crate::client::{CloudClient, json};

/// The id of a namespace that is given by it, or by its name alone: then it is one of the account of the key in use.
pub(super) async fn id_of(client: &CloudClient, given: String) -> anyhow::Result<String> {
    if given.is_empty() || given.contains('.') {
        return Ok(given);
    }
    match own_account(client).await {
        Ok(account) => Ok(format!("{given}.{account}")),
        Err(error) => Err(error.context(format!("{given:?} names no account; pass NAME.ACCOUNT"))),
    }
}

/// The namespace as it is now.
pub(super) async fn get(client: &CloudClient, namespace: &str) -> anyhow::Result<Namespace> {
    let request = GetNamespaceRequest { namespace: namespace.to_owned() };
    let answer = client.call(cloud_service::GET_NAMESPACE, &request).await?;
    answer.namespace.context("the cloud answered without a namespace")
}

/// Prints a namespace and what became of the operation on it.
pub(super) fn print(client: &ClientArgs, namespace: &str, operation: &AsyncOperation) -> anyhow::Result<()> {
    let text = || {
        let mut table = Table::new(["NAMESPACE", "OPERATION", "STATE"]);
        table.row([namespace.to_owned(), operation.id.clone(), state_name(operation)]);
        table
    };
    client
        .output
        .print(text, || Ok(json!({ "namespace": namespace, "asyncOperation": json::of(operation)? })))
}
