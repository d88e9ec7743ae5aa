//! The control plane's steps as its workflows call them.

use async_trait::async_trait;
use control_plane::{Activities, StepError};
use durable_workflows::{ActivityFailure, FailedOperation, NamespaceActivities, OperationInput};

/// Every step by the id of its operation's workflow.
pub(super) struct OperationSteps {
    activities: Activities,
}

impl OperationSteps {
    pub(super) fn new(activities: Activities) -> Self {
        Self { activities }
    }
}

macro_rules! steps {
    ($($step:ident),*) => {
        #[async_trait]
        impl NamespaceActivities for OperationSteps {
            $(
                async fn $step(&self, operation: OperationInput) -> Result<(), ActivityFailure> {
                    self.activities.$step(&operation.workflow_id).await.map_err(failure)
                }
            )*

            async fn compensate(&self, failed: FailedOperation) -> Result<(), ActivityFailure> {
                let outcome = self.activities.compensate(&failed.operation.workflow_id, &failed.reason).await;
                outcome.map_err(failure)
            }
        }
    };
}

steps!(begin, place, apply_namespace, push_keys, publish_route, withdraw_route, remove_namespace, fulfil);

fn failure(error: StepError) -> ActivityFailure {
    if error.is_retryable() {
        ActivityFailure::retryable(error.kind(), error.to_string())
    } else {
        ActivityFailure::permanent(error.kind(), error.to_string())
    }
}
