//! Calls a running cloud and prints its answers.

pub(crate) mod cell_admin;
pub(crate) mod json;
pub(crate) mod output;
pub(crate) mod table;
pub(crate) mod target;
pub(crate) mod time;

use std::time::Duration;

use anyhow::Context;
use atoll_api::call::{Method, Status};
use atoll_rpc::{CallOptions, RawClient};
use atoll_secret::Secret;
use prost::Message;

use target::{Credential, Target, TargetArgs};

/// How long one call may take. Closing a month runs a workflow.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// The Cloud API of a running cloud, called as one caller.
pub(crate) struct CloudClient {
    raw: RawClient,
    key: Secret,
    target: Target,
}

impl CloudClient {
    /// A client for the cloud that `args` lead to, with the key of the wanted kind.
    pub(crate) fn connect(args: &TargetArgs, credential: Credential) -> anyhow::Result<Self> {
        let target = args.resolve()?;
        let key = target.key(credential)?.clone();
        let raw = RawClient::new(&target.address)?;
        Ok(Self { raw, key, target })
    }

    /// Where it goes, and what is known of it.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Calls a method. The error says address, code and message.
    pub(crate) async fn call<Q, A>(&self, method: Method<Q, A>, request: &Q) -> anyhow::Result<A>
    where
        Q: Message,
        A: Message + Default,
    {
        self.try_call(method, request).await.with_context(|| format!("cloud at {}", self.raw.address()))
    }

    /// Like [`call`](Self::call), with the bare status for callers that look at it.
    pub(crate) async fn try_call<Q, A>(&self, method: Method<Q, A>, request: &Q) -> Result<A, Status>
    where
        Q: Message,
        A: Message + Default,
    {
        self.raw.call(method, request, CallOptions::timeout(CALL_TIMEOUT).bearer(self.key.expose())).await
    }
}
