//! What every change consists of beside the change itself: its async operation and its audit record.

use atoll_rpc::Clock;
use prost::Name;

use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;

use crate::auth::Tenant;
use crate::entropy::Entropy;
use crate::error::ApiError;
use crate::model::{AuditEntry, Operation, OperationKind, OperationState};
use crate::names;
use crate::store::{Snapshot, Transaction};

/// What changes need of the world.
pub(crate) struct Changes<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
}

/// An async operation that a call asks for.
pub(crate) struct Asked<'a, Request> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) kind: OperationKind,
    /// The RPC.
    pub(crate) action: &'static str,
    /// The caller's `async_operation_id`.
    pub(crate) id: &'a str,
    pub(crate) request: &'a Request,
}

/// What an operation is about.
pub(crate) struct Subject {
    /// Id in the operation: a namespace's UUID, or a key's id.
    pub(crate) id: String,
    /// In the audit record: `namespace/orders.x1y2z`.
    pub(crate) resource: String,
    /// What to go back to if it fails.
    pub(crate) previous_spec: Option<NamespaceSpec>,
}

impl Changes<'_> {
    /// Begins a change, in the transaction that makes it and has the account to itself: the caller's key is taken
    /// there still, so that one that is being deleted, in an earlier transaction, changes nothing behind that, and
    /// makes no successor. Gives the operation that the same call made before, if it did. The same id with another call
    /// is an error: nobody can tell which of the two was meant.
    pub(crate) async fn begin<Request: Name>(
        &self,
        snapshot: &mut dyn Snapshot,
        asked: &Asked<'_, Request>,
    ) -> Result<Option<Operation>, ApiError> {
        names::check_operation_id(asked.id)?;
        let key = snapshot.api_key(&asked.tenant.key_id).await?;
        if !key.is_some_and(|key| key.is_taken(self.clock.unix_millis())) {
            return Err(ApiError::Unauthenticated);
        }
        if asked.id.is_empty() {
            return Ok(None);
        }
        let existing = snapshot.operation_by_id(&asked.tenant.account_id, asked.id).await?;
        let same = |operation: &Operation| {
            operation.kind == asked.kind && operation.input == asked.request.encode_to_vec()
        };
        match existing {
            Some(operation) if !same(&operation) => Err(ApiError::AlreadyExists(format!(
                "async operation {:?} exists and was asked for by another request",
                asked.id
            ))),
            other => Ok(other),
        }
    }

    /// An operation that is new; nothing is written.
    pub(crate) fn operation<Request: Name>(
        &self,
        asked: &Asked<'_, Request>,
        subject: &Subject,
    ) -> Operation {
        let account_id = asked.tenant.account_id.clone();
        let id = if asked.id.is_empty() { self.entropy.uuid().to_string() } else { asked.id.to_owned() };
        Operation {
            workflow_id: Operation::workflow_id(&account_id, &id),
            account_id,
            id,
            kind: asked.kind,
            subject: subject.id.clone(),
            state: OperationState::Pending,
            failure_reason: String::new(),
            input_type: Request::full_name(),
            input: asked.request.encode_to_vec(),
            previous_spec: subject.previous_spec.clone(),
            created_ms: self.clock.unix_millis(),
            finished_ms: None,
        }
    }

    /// Writes the operation, and the audit record of the call that asked for it.
    pub(crate) async fn record<Request: Name>(
        &self,
        transaction: &mut dyn Transaction,
        asked: &Asked<'_, Request>,
        subject: &Subject,
        operation: &Operation,
    ) -> Result<(), ApiError> {
        transaction.insert_operation(operation).await?;
        let entry = AuditEntry {
            time_ms: self.clock.unix_millis(),
            account_id: asked.tenant.account_id.clone(),
            actor: asked.tenant.actor(),
            key_id: asked.tenant.key_id.clone(),
            action: asked.action.to_owned(),
            resource: subject.resource.clone(),
            operation_id: operation.id.clone(),
        };
        Ok(transaction.insert_audit_record(&entry).await?)
    }
}
