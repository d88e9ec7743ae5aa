use crate::cluster::ClusterInfo;
use crate::dynamic_config::DynamicConfig;
use crate::errors;
use crate::features::Features;
use crate::namespaces::{Namespace, NamespaceRegistry};
use crate::ports::Ports;
use crate::quota::{LongPollPermit, Quotas};
use crate::turns::Turns;
use crate::visibility;
use atoll_api::call::Status;
use atoll_rpc::{Clock, Ids};
use std::sync::Arc;

/// What a frontend is made of.
#[derive(Clone)]
pub struct Deps {
    /// The rest of the cell.
    pub ports: Ports,
    /// Namespaces that the cell serves.
    pub namespaces: Arc<NamespaceRegistry>,
    /// Limits and switches.
    pub config: Arc<DynamicConfig>,
    /// What the rest of the cell can do.
    pub features: Features,
    /// What the cell says of itself.
    pub cluster: ClusterInfo,
    /// Time of day, for creation times.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids: of requests whose callers left them empty, and of new namespaces.
    pub ids: Arc<dyn Ids>,
}

/// The published services of a cell. Stateless but for quotas.
pub struct Frontend {
    pub(crate) ports: Ports,
    pub(crate) namespaces: Arc<NamespaceRegistry>,
    pub(crate) config: Arc<DynamicConfig>,
    pub(crate) features: Features,
    pub(crate) cluster: ClusterInfo,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    quotas: Quotas,
    /// Whose list or count is next.
    pub(crate) lists: Turns,
    /// Held while a namespace is read, changed and written.
    pub(crate) namespace_changes: tokio::sync::Mutex<()>,
}

impl Frontend {
    /// A frontend over the rest of a cell.
    pub fn new(deps: Deps) -> Self {
        let Deps { ports, namespaces, config, features, cluster, clock, ids } = deps;
        let quotas = Quotas::new(&config);
        let namespace_changes = tokio::sync::Mutex::new(());
        let lists = Turns::new(visibility::TURNS);
        Self { ports, namespaces, config, features, cluster, clock, ids, quotas, lists, namespace_changes }
    }

    /// The namespace that a request names, once its call rate allows one more call.
    pub(crate) fn admit(&self, name: &str) -> Result<Arc<Namespace>, Status> {
        let namespace = self.named(name)?;
        self.quotas.admit_call(namespace.id)?;
        Ok(namespace)
    }

    /// Like [`admit`](Self::admit), for reads of visibility, which have a lower rate of their own.
    pub(crate) fn admit_visibility(&self, name: &str) -> Result<Arc<Namespace>, Status> {
        let namespace = self.admit(name)?;
        self.quotas.admit_visibility(namespace.id)?;
        Ok(namespace)
    }

    /// Room for one long poll of the namespace; given back when dropped.
    pub(crate) fn long_poll_permit(&self, namespace: &Namespace) -> Result<LongPollPermit, Status> {
        self.quotas.long_poll(namespace.id)
    }

    /// The namespace of that name, without counting a call.
    pub(crate) fn named(&self, name: &str) -> Result<Arc<Namespace>, Status> {
        if name.is_empty() {
            return Err(errors::namespace_empty());
        }
        self.namespaces.by_name(name).ok_or_else(|| errors::namespace_not_found(name))
    }

    /// Counts a call of a namespace that was found otherwise than by [`admit`](Self::admit).
    pub(crate) fn count_call(&self, namespace: &Namespace) -> Result<(), Status> {
        self.quotas.admit_call(namespace.id)
    }
}
