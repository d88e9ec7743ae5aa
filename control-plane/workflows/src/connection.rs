use std::collections::HashMap;
use std::time::Duration;

use atoll_secret::Secret;
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use url::Url;

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where workflows run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemCell {
    /// `host:port` of the system cell's frontend, or a URL.
    pub address: String,
    /// Namespace on it, which exists.
    pub namespace: String,
    /// API key to send, if that cell asks for one.
    pub api_key: Option<Secret>,
}

impl SystemCell {
    /// Connects once, and fails where the cell does not answer.
    pub(crate) async fn connect(&self, identity: &str) -> Result<Client, ConnectError> {
        let address = if self.address.contains("://") {
            self.address.clone()
        } else {
            format!("http://{}", self.address)
        };
        let url = Url::parse(&address)
            .map_err(|error| ConnectError(format!("{address:?} is not an address: {error}")))?;
        // As a header: the option of the same purpose also switches TLS on.
        let headers = self
            .api_key
            .as_ref()
            .map(|key| HashMap::from([("authorization".to_owned(), format!("Bearer {}", key.expose()))]));
        let options = ConnectionOptions::new(url)
            .identity(identity)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_load_balancing(None)
            .maybe_headers(headers)
            .build();
        let connection =
            Connection::connect(options).await.map_err(|error| ConnectError(error.to_string()))?;
        Client::new(connection, ClientOptions::new(self.namespace.clone()).build())
            .map_err(|error| ConnectError(error.to_string()))
    }
}

/// The system cell cannot be reached, or its address is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConnectError(pub(crate) String);
