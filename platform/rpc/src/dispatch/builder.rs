use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_api::call::{RawService, ServiceInfo};
use prost_reflect::DescriptorPool;

use super::meters::Meters;
use super::{Dispatcher, Entry, EntryId, Fallback, Inner, Interceptor};
use crate::rest::Routes;

/// Collects what a [`Dispatcher`] serves.
pub struct DispatcherBuilder {
    role: &'static str,
    services: Vec<Arc<dyn RawService>>,
    interceptors: Vec<Arc<dyn Interceptor>>,
    fallback: Option<Arc<dyn Fallback>>,
    pool: Option<&'static DescriptorPool>,
    passes_packed: bool,
}

/// Why services do not fit together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DispatcherError {
    /// A service was registered twice.
    #[error("service {0} is registered twice")]
    DuplicateService(&'static str),
    /// A message of a service is not in the descriptors, so it has no JSON form.
    #[error("message {0} is not in the descriptors")]
    UnknownMessage(&'static str),
    /// Two REST bindings match the same requests.
    #[error("REST binding {verb} {template} matches what an earlier one matches")]
    DuplicateRoute {
        /// HTTP method.
        verb: &'static str,
        /// Path template of the later one.
        template: &'static str,
    },
}

impl DispatcherBuilder {
    pub(super) fn new(role: &'static str) -> Self {
        Self {
            role,
            services: Vec::new(),
            interceptors: Vec::new(),
            fallback: None,
            pool: None,
            passes_packed: false,
        }
    }

    /// Registers a service.
    pub fn service(mut self, service: Arc<dyn RawService>) -> Self {
        self.services.push(service);
        self
    }

    /// Adds an interceptor behind the ones added before.
    pub fn interceptor(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        self.interceptors.push(interceptor);
        self
    }

    /// Sends calls of methods that no registered service lists to `fallback` instead of refusing them.
    pub fn fallback(mut self, fallback: Arc<dyn Fallback>) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// The descriptors of all registered services; without this the published ones.
    pub fn descriptors(mut self, pool: &'static DescriptorPool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Passes messages on as they came over gRPC: a call whose message is packed has [`Packed`](crate::Packed) in its
    /// context, and interceptors and services get the bytes that were sent.
    /// [`CallOptions::forwarding`](crate::CallOptions::forwarding) says so to the next.
    pub fn pass_packed(mut self) -> Self {
        self.passes_packed = true;
        self
    }

    /// Checks that services, descriptors and routes fit together.
    pub fn build(self) -> Result<Dispatcher, DispatcherError> {
        let pool = self.pool.unwrap_or_else(|| atoll_api::descriptor_pool());
        let mut services: Vec<&'static ServiceInfo> = Vec::new();
        let (mut entries, mut paths) = (Vec::new(), BTreeMap::new());
        for service in self.services {
            let info = service.info();
            if services.iter().any(|other| other.name == info.name) {
                return Err(DispatcherError::DuplicateService(info.name));
            }
            services.push(info);
            for method in info.methods {
                if let Some(message) = [method.request, method.response]
                    .into_iter()
                    .find(|name| pool.get_message_by_name(name).is_none())
                {
                    return Err(DispatcherError::UnknownMessage(message));
                }
                let meters = Meters::new(self.role, method.name);
                paths.insert(method.path, EntryId(entries.len()));
                entries.push(Entry { method, service: Arc::clone(&service), meters });
            }
        }
        Routes::of(&services)?;
        Ok(Dispatcher {
            inner: Arc::new(Inner {
                entries,
                paths,
                services,
                interceptors: self.interceptors,
                fallback: self.fallback,
                pool,
                passes_packed: self.passes_packed,
                unknown: Meters::new(self.role, "unknown"),
            }),
        })
    }
}
