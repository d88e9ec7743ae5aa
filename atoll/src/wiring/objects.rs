//! The object store of a cloud on one machine: a folder.

use std::path::Path;
use std::sync::Arc;

use atoll_object_store::ObjectStore;

/// The folder as an object store; none where none is configured.
pub(crate) fn open(folder: Option<&Path>) -> anyhow::Result<Option<Arc<dyn ObjectStore>>> {
    match folder {
        None => Ok(None),
        Some(folder) => anyhow::bail!("no object store for {}", folder.display()),
    }
}
