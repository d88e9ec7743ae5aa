use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{Code, Method, Status};
use atoll_internal_api::cell::v1::{
    ApplyKeySetRequest, ApplyNamespaceRequest, GetStatusRequest, GetStatusResponse, KeyRecord, NamespaceSpec,
    RemoveNamespaceRequest, cell_admin,
};
use atoll_internal_api::limits::CELL_ADMIN_MESSAGE_BYTES;
use atoll_rpc::{CallOptions, RawClient};
use prost::Message;
use uuid::Uuid;

use super::{CellClient, CellError};
use crate::model::Cell;

/// Reaches cells over gRPC. Keeps one connection per admin address.
#[derive(Debug)]
pub(crate) struct GrpcCellClient {
    timeout: Duration,
    clients: Mutex<HashMap<String, Arc<RawClient>>>,
}

impl GrpcCellClient {
    /// A client whose calls take at most `timeout`.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, clients: Mutex::default() }
    }

    async fn call<Request, Response>(
        &self,
        cell: &Cell,
        method: Method<Request, Response>,
        request: &Request,
    ) -> Result<Response, CellError>
    where
        Request: Message,
        Response: Message + Default,
    {
        let client = self
            .client(&cell.admin)
            .map_err(|problem| CellError::Refused { cell: cell.id.clone(), problem })?;
        let options = CallOptions::timeout(self.timeout).bearer(cell.token.expose());
        client.call(method, request, options).await.map_err(|status| classify(&cell.id, &status))
    }

    fn client(&self, address: &str) -> Result<Arc<RawClient>, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(address) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(RawClient::new(address).map_err(|error| error.to_string())?);
        clients.insert(address.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}

/// Only answers that say something about the call itself are final. A wrong token is not: it may be a cell that just
/// starts with another one.
fn classify(cell: &str, status: &Status) -> CellError {
    let (cell, problem) = (cell.to_owned(), status.to_string());
    match status.code {
        Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists | Code::Unimplemented => {
            CellError::Refused { cell, problem }
        }
        _ => CellError::Unavailable { cell, problem },
    }
}

#[async_trait]
impl CellClient for GrpcCellClient {
    async fn apply_namespace(&self, cell: &Cell, spec: NamespaceSpec) -> Result<u64, CellError> {
        let request = ApplyNamespaceRequest { spec: Some(spec) };
        Ok(self.call(cell, cell_admin::APPLY_NAMESPACE, &request).await?.generation)
    }

    async fn remove_namespace(&self, cell: &Cell, id: Uuid, generation: u64) -> Result<(), CellError> {
        let request = RemoveNamespaceRequest { id: id.as_bytes().to_vec().into(), generation };
        self.call(cell, cell_admin::REMOVE_NAMESPACE, &request).await.map(drop)
    }

    async fn apply_key_set(
        &self,
        cell: &Cell,
        generation: u64,
        keys: Vec<KeyRecord>,
    ) -> Result<u64, CellError> {
        let request = ApplyKeySetRequest { generation, keys };
        let bytes = request.encoded_len();
        if bytes > CELL_ADMIN_MESSAGE_BYTES {
            let problem =
                format!("a set of keys has {bytes} bytes, of {CELL_ADMIN_MESSAGE_BYTES} that a cell takes");
            tracing::error!(cell = cell.id, problem, "no change of a key reaches this cell");
            return Err(CellError::Refused { cell: cell.id.clone(), problem });
        }
        if bytes > CELL_ADMIN_MESSAGE_BYTES / 2 {
            tracing::warn!(cell = cell.id, bytes, "a set of keys is half as large as a cell takes");
        }
        Ok(self.call(cell, cell_admin::APPLY_KEY_SET, &request).await?.generation)
    }

    async fn status(&self, cell: &Cell) -> Result<GetStatusResponse, CellError> {
        self.call(cell, cell_admin::GET_STATUS, &GetStatusRequest {}).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health;

    fn cell() -> Cell {
        Cell {
            id: "a".to_owned(),
            region: "local".to_owned(),
            frontend: String::new(),
            admin: "127.0.0.1:1".to_owned(),
            token: "token".into(),
            capacity: 1,
            draining: false,
            health: Health::Healthy,
            problems: Vec::new(),
            failures: 0,
            last_seen_ms: None,
            namespaces: 0,
        }
    }

    #[tokio::test]
    async fn a_set_of_keys_that_no_cell_takes_is_refused_and_not_tried_again() {
        let client = GrpcCellClient::new(Duration::from_millis(1));
        let principal = "p".repeat(1 << 20);
        let key = || KeyRecord { principal: principal.clone(), ..KeyRecord::default() };
        let push = async |keys| client.apply_key_set(&cell(), 1, (0..keys).map(|_| key()).collect()).await;
        assert!(matches!(push(65).await, Err(CellError::Refused { .. })));
        assert!(matches!(push(1).await, Err(CellError::Unavailable { .. })), "there is no such cell");
    }
}
