//! Unary calls of the published workflow service.

use crate::codec::RawCodec;
use anyhow::{Context, Result};
use atoll_api::call::Method;
use atoll_secret::Secret;
use http::uri::PathAndQuery;
use prost::Message;
use std::time::Duration;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Connections to one address.
#[derive(Clone)]
pub(crate) struct Client {
    channels: Vec<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
    namespace: MetadataValue<Ascii>,
}

impl Client {
    /// Connects `connections` times to `address` (`host:port` or `http://host:port`).
    pub(crate) async fn connect(
        address: &str,
        namespace: &str,
        api_key: Option<&Secret>,
        connections: usize,
    ) -> Result<Self> {
        let uri = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let mut channels = Vec::with_capacity(connections);
        for _ in 0..connections {
            let endpoint = Endpoint::from_shared(uri.clone())?.tcp_nodelay(true);
            channels.push(endpoint.connect().await.with_context(|| format!("cannot connect to {address}"))?);
        }
        let authorization = api_key.map(|key| format!("Bearer {}", key.expose()).parse()).transpose()?;
        Ok(Self { channels, authorization, namespace: namespace.parse()? })
    }

    /// One call. `lane` picks the connection.
    pub(crate) async fn call<Req, Resp>(
        &self,
        lane: usize,
        method: &Method<Req, Resp>,
        request: &Req,
        timeout: Duration,
    ) -> Result<Resp, Status>
    where
        Req: Message,
        Resp: Message + Default,
    {
        let mut grpc = Grpc::new(self.channels[lane % self.channels.len()].clone());
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let mut request = Request::new(request.encode_to_vec().into());
        request.set_timeout(timeout);
        if let Some(key) = &self.authorization {
            request.metadata_mut().insert("authorization", key.clone());
        }
        request.metadata_mut().insert("temporal-namespace", self.namespace.clone());
        let path = PathAndQuery::from_static(method.info().path);
        let response = grpc.unary(request, path, RawCodec).await?;
        Resp::decode(response.into_inner()).map_err(|e| Status::internal(e.to_string()))
    }
}
