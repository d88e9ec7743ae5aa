use async_trait::async_trait;
use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;
use prost::Message;

use super::{Row, Session, Statement, values_of};
use crate::model::{Operation, OperationKind, OperationState};
use crate::store::StoreError;
use crate::store::operations::{ReadOperations, WriteOperations};

#[async_trait]
impl<S: Session> ReadOperations for S {
    async fn operation(&mut self, workflow_id: &str) -> Result<Option<Operation>, StoreError> {
        let row = self.one(Statement::OperationGet, values_of![workflow_id]).await?;
        row.as_ref().map(operation).transpose()
    }

    async fn operation_by_id(&mut self, account_id: &str, id: &str) -> Result<Option<Operation>, StoreError> {
        let row = self.one(Statement::OperationById, values_of![account_id, id]).await?;
        row.as_ref().map(operation).transpose()
    }

    async fn operations_to_start(&mut self, limit: i64) -> Result<Vec<Operation>, StoreError> {
        let rows = self.all(Statement::OperationToStart, values_of![limit]).await?;
        rows.iter().map(operation).collect()
    }
}

#[async_trait]
impl<S: Session> WriteOperations for S {
    async fn insert_operation(&mut self, operation: &Operation) -> Result<(), StoreError> {
        let previous_spec = operation.previous_spec.as_ref().map(Message::encode_to_vec);
        let values = values_of![
            &operation.workflow_id,
            &operation.account_id,
            &operation.id,
            operation.kind.name(),
            &operation.subject,
            &operation.input_type,
            operation.input.as_slice(),
            previous_spec.as_deref(),
            operation.created_ms,
        ];
        self.run(Statement::OperationInsert, values).await.map(drop)
    }

    async fn set_started(&mut self, workflow_id: &str) -> Result<(), StoreError> {
        self.run(Statement::OperationSetStarted, values_of![workflow_id]).await.map(drop)
    }

    async fn begin_operation(&mut self, workflow_id: &str) -> Result<(), StoreError> {
        self.run(Statement::OperationBegin, values_of![workflow_id]).await.map(drop)
    }

    async fn finish_operation(
        &mut self,
        workflow_id: &str,
        state: OperationState,
        reason: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        // Whatever others say about a failure is kept; of a NUL only that there was something.
        let reason = reason.replace('\0', "\u{fffd}");
        let values = values_of![workflow_id, state.name(), &reason, now_ms];
        self.run(Statement::OperationFinish, values).await.map(drop)
    }
}

fn operation(row: &impl Row) -> Result<Operation, StoreError> {
    let (kind, state) = (row.text("kind")?, row.text("state")?);
    let previous = row.maybe_bytes("previous_spec")?;
    Ok(Operation {
        workflow_id: row.text("workflow_id")?,
        account_id: row.text("account_id")?,
        id: row.text("id")?,
        kind: OperationKind::from_name(&kind).ok_or_else(|| StoreError::malformed("operation kind", kind))?,
        subject: row.text("subject")?,
        state: OperationState::from_name(&state)
            .ok_or_else(|| StoreError::malformed("operation state", state))?,
        failure_reason: row.text("failure_reason")?,
        input_type: row.text("input_type")?,
        input: row.bytes("input")?,
        previous_spec: previous
            .map(|spec| NamespaceSpec::decode(spec.as_slice()))
            .transpose()
            .map_err(|error| StoreError::malformed("previous spec", error))?,
        created_ms: row.integer("created_ms")?,
        finished_ms: row.maybe_integer("finished_ms")?,
    })
}
