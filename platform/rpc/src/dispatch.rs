//! The choke point: every call, whatever protocol it came by, passes [`Dispatcher::call`].

mod builder;
mod interceptor;
mod meters;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_api::call::{
    BoxFuture, Bytes, CallContext, Decodes, MethodInfo, RawService, Reply, ServiceInfo, Status,
};
use prost_reflect::DescriptorPool;

pub use builder::{DispatcherBuilder, DispatcherError};
pub use interceptor::{Gate, Interceptor};
use meters::Meters;

/// Takes calls of methods that no registered service lists, as bytes: a gateway forwards them.
pub trait Fallback: Send + Sync + 'static {
    /// Answers the call that `ctx` names. Metadata of the answer goes into the reply.
    fn call<'a>(&'a self, ctx: &'a CallContext, body: Bytes) -> BoxFuture<'a, Result<Reply, Status>>;
}

/// The services of a piece behind its interceptors. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

struct Inner {
    entries: Vec<Entry>,
    /// Positions in `entries` by path on the wire.
    paths: BTreeMap<&'static str, EntryId>,
    services: Vec<&'static ServiceInfo>,
    interceptors: Vec<Arc<dyn Interceptor>>,
    fallback: Option<Arc<dyn Fallback>>,
    pool: &'static DescriptorPool,
    passes_packed: bool,
    /// Calls of methods that no service lists.
    unknown: Meters,
}

/// Position of a method in its dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryId(usize);

/// A method, who answers it and what counts it.
struct Entry {
    method: &'static MethodInfo,
    service: Arc<dyn RawService>,
    meters: Meters,
}

impl Dispatcher {
    /// Starts an empty dispatcher. `role` is the `service_name` label of its metrics: `frontend`, `control-plane`, ...
    pub fn builder(role: &'static str) -> DispatcherBuilder {
        DispatcherBuilder::new(role)
    }

    /// The registered services.
    pub fn services(&self) -> &[&'static ServiceInfo] {
        &self.inner.services
    }

    /// The descriptors that JSON and reflection use.
    pub fn descriptors(&self) -> &'static DescriptorPool {
        self.inner.pool
    }

    pub(crate) fn find(&self, path: &str) -> Option<EntryId> {
        self.inner.paths.get(path).copied()
    }

    /// What is decoded of requests of a method: nothing where a fallback takes them.
    pub(crate) fn decodes(&self, entry: Option<EntryId>) -> Decodes {
        entry
            .map(|entry| &self.inner.entries[entry.0])
            .map_or(Decodes::Nothing, |it| it.service.decodes(it.method))
    }

    /// Whether services take messages as they came.
    pub(crate) fn passes_packed(&self) -> bool {
        self.inner.passes_packed
    }

    pub(crate) fn method(&self, entry: EntryId) -> &'static MethodInfo {
        self.inner.entries[entry.0].method
    }
}
