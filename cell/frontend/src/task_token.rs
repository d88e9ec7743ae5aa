//! Task tokens: opaque to clients, checked here before anything acts on them.

use crate::errors;
use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use atoll_api::call::Status;
use atoll_internal_api::cell::v1::{ActivityTaskToken, QueryTaskToken, WorkflowTaskToken};
use prost::Message;
use std::sync::Arc;
use uuid::Uuid;

/// A token that names the namespace it belongs to.
pub(crate) trait TaskToken: Message + Default {
    /// The namespace, if every id in the token has the form of one.
    fn namespace(&self) -> Option<Uuid>;

    /// Ids that clients chose, with the names of their fields.
    fn chosen_ids(&self) -> Vec<(&'static str, &str)>;
}

impl TaskToken for WorkflowTaskToken {
    fn namespace(&self) -> Option<Uuid> {
        Uuid::from_slice(&self.run_id).ok()?;
        Uuid::from_slice(&self.namespace_id).ok()
    }

    fn chosen_ids(&self) -> Vec<(&'static str, &str)> {
        vec![("WorkflowId", &self.workflow_id)]
    }
}

impl TaskToken for ActivityTaskToken {
    fn namespace(&self) -> Option<Uuid> {
        Uuid::from_slice(&self.run_id).ok()?;
        Uuid::from_slice(&self.namespace_id).ok()
    }

    fn chosen_ids(&self) -> Vec<(&'static str, &str)> {
        vec![("WorkflowId", &self.workflow_id), ("ActivityId", &self.activity_id)]
    }
}

impl TaskToken for QueryTaskToken {
    fn namespace(&self) -> Option<Uuid> {
        Uuid::from_slice(&self.query_id).ok()?;
        Uuid::from_slice(&self.namespace_id).ok()
    }

    fn chosen_ids(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }
}

impl Frontend {
    /// The namespace of a task answer. A token of one namespace opens nothing in another: who may act in `name` must
    /// not reach further by a token from elsewhere. Without a name the token's namespace counts.
    pub(crate) fn admit_task<T: TaskToken>(
        &self,
        name: &str,
        token: &[u8],
    ) -> Result<Arc<Namespace>, Status> {
        if token.is_empty() {
            return Err(Status::invalid_argument("Task token not set on request."));
        }
        let token = T::decode(token).ok();
        let Some((token, id)) = token.and_then(|token| token.namespace().map(|id| (token, id))) else {
            // Counted as well, where it is known whose call it is: a worker that sends nothing else has no free calls.
            if let Some(namespace) = self.namespaces.by_name(name) {
                self.count_call(&namespace)?;
            }
            return Err(Status::invalid_argument("Error deserializing task token."));
        };
        let namespace = match name {
            "" => self.namespaces.by_id(id).ok_or_else(|| errors::namespace_not_found(&id.to_string()))?,
            name => self.named(name)?,
        };
        self.count_call(&namespace)?;
        if namespace.id != id {
            return Err(Status::invalid_argument(
                "Operation requested with a token from a different namespace.",
            ));
        }
        // A token is what its sender makes of it, as any other field.
        for (field, value) in token.chosen_ids() {
            self.check_length(field, value)?;
        }
        Ok(namespace)
    }
}
