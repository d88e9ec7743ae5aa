use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use atoll_internal_api::cell::v1::WatchRoutesResponse;
use serde::{Deserialize, Serialize};

/// Format of the cache file. A file of another format is no cache.
const FORMAT: u32 = 1;

/// Which namespace is in which cell, and where cells are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutingTable {
    /// The control plane's version of it.
    pub version: u64,
    /// Addresses of cells' frontends, by cell id.
    pub cells: BTreeMap<String, String>,
    /// Cell ids by namespace.
    pub routes: BTreeMap<String, String>,
}

/// The cache file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The system's answer.
    #[error("routing table {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its content.
    #[error("routing table {path} is malformed: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cached {
    format: u32,
    version: u64,
    cells: BTreeMap<String, String>,
    routes: BTreeMap<String, String>,
}

impl RoutingTable {
    /// Where a namespace's cell is; none for a namespace or cell that the table lacks.
    pub fn cell_of(&self, namespace: &str) -> Option<&str> {
        self.routes.get(namespace).filter(|cell| self.cells.contains_key(*cell)).map(String::as_str)
    }

    /// Reads the table that was kept; none where none was.
    pub fn load(path: &Path) -> Result<Option<Self>, CacheError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CacheError::Io { path: path.to_owned(), source }),
        };
        let malformed = |problem: String| CacheError::Malformed { path: path.to_owned(), problem };
        let cached: Cached = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if cached.format != FORMAT {
            return Err(malformed(format!("format {} is not {FORMAT}", cached.format)));
        }
        Ok(Some(Self { version: cached.version, cells: cached.cells, routes: cached.routes }))
    }

    /// Keeps the table, for its owner's eyes only: it names every tenant's namespaces. A crash leaves the one before or
    /// this one.
    pub fn save(&self, path: &Path) -> Result<(), CacheError> {
        let cached = Cached {
            format: FORMAT,
            version: self.version,
            cells: self.cells.clone(),
            routes: self.routes.clone(),
        };
        let next = path.with_extension("next");
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&next)?;
            // The mode above only holds for a file that was not left over.
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(&serde_json::to_vec(&cached)?)?;
            file.sync_all()?;
            std::fs::rename(&next, path)
        };
        write().map_err(|source| CacheError::Io { path: path.to_owned(), source })
    }
}

impl From<WatchRoutesResponse> for RoutingTable {
    fn from(answer: WatchRoutesResponse) -> Self {
        Self {
            version: answer.version,
            cells: answer.cells.into_iter().map(|cell| (cell.cell_id, cell.frontend)).collect(),
            routes: answer.routes.into_iter().map(|route| (route.namespace, route.cell_id)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RoutingTable {
        let cells = [("a", "127.0.0.1:1"), ("b", "127.0.0.1:2")];
        let routes = [("orders.acct1", "a"), ("lost.acct1", "gone")];
        RoutingTable {
            version: 7,
            cells: cells.map(|(id, address)| (id.to_owned(), address.to_owned())).into(),
            routes: routes.map(|(namespace, cell)| (namespace.to_owned(), cell.to_owned())).into(),
        }
    }

    #[test]
    fn a_kept_table_is_read_back_and_replaced_whole() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("routes.json");
        assert_eq!(RoutingTable::load(&path).unwrap(), None);
        std::fs::write(path.with_extension("next"), "left by a crash").unwrap();
        table().save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(RoutingTable::load(&path).unwrap(), Some(table()));
        let newer = RoutingTable { version: 8, ..RoutingTable::default() };
        let before = folder.path().join("before");
        std::fs::hard_link(&path, &before).unwrap();
        newer.save(&path).unwrap();
        assert_eq!(RoutingTable::load(&path).unwrap(), Some(newer));
        assert_eq!(RoutingTable::load(&before).unwrap(), Some(table()), "nothing was written over");
    }

    #[test]
    fn a_file_that_is_no_table_is_an_error() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("routes.json");
        for text in ["", "{", "{\"format\":2,\"version\":1,\"cells\":{},\"routes\":{}}"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(RoutingTable::load(&path), Err(CacheError::Malformed { .. })), "{text:?}");
        }
        assert!(matches!(table().save(&folder.path().join("no/such/folder")), Err(CacheError::Io { .. })));
    }

    #[test]
    fn a_route_to_a_cell_without_address_is_none() {
        assert_eq!(table().cell_of("orders.acct1"), Some("a"));
        assert_eq!(table().cell_of("lost.acct1"), None);
        assert_eq!(table().cell_of("orders"), None);
    }
}
