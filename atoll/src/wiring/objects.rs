//! The object store of a cloud on one machine: a folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use atoll_object_store::{LocalObjectStore, ObjectStore};

/// The folder as an object store; none where none is configured.
pub(crate) fn open(folder: Option<&Path>) -> anyhow::Result<Option<Arc<dyn ObjectStore>>> {
    let Some(folder) = folder else { return Ok(None) };
    let store = LocalObjectStore::open(folder).with_context(|| format!("objects {}", folder.display()))?;
    Ok(Some(Arc::new(store)))
}
