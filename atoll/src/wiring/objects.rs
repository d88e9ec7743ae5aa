//! The object store of a cloud on one machine: a folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use atoll_object_store::{LocalObjectStore, ObjectStore};

/// The folder as an object store; none where none is configured.
pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Option<Arc<dyn ObjectStore>>> {
    path.map(folder).transpose()
}

/// The folder as an object store.
pub(crate) fn folder(path: &Path) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let store = LocalObjectStore::open(path).with_context(|| format!("objects {}", path.display()))?;
    Ok(Arc::new(store))
}
