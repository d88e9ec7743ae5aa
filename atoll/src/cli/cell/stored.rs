//! What a cell stores, for commands that work on it beside its process.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use atoll_object_store::ObjectStore;
use cell_backup::CellFiles;
use clap::Args;

use super::serve::database::DatabaseArgs;
use crate::cli::UsageError;
use crate::config::CellConfig;
use crate::wiring;
use crate::wiring::stores::Database;

/// Where a cell stores. Flags win over the configuration file.
#[derive(Debug, Args)]
pub(super) struct StoredCellArgs {
    /// The cell's configuration file (TOML)
    #[arg(long, short = 'c')]
    config: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Its id
    #[arg(long)]
    cell_id: Option<String>,
}

impl StoredCellArgs {
    /// The cell's configuration, as its process reads it.
    pub(super) fn load(&self) -> anyhow::Result<CellConfig> {
        let mut config = load(self.config.as_ref(), self.cell_id.as_ref())?;
        self.database.over(&mut config)?;
        Ok(config)
    }
}

fn load(path: Option<&PathBuf>, cell_id: Option<&String>) -> anyhow::Result<CellConfig> {
    let mut config: CellConfig = atoll_rpc::config::load(path.map(PathBuf::as_path), "ATOLL_CELL")?;
    if let Some(cell_id) = cell_id {
        config.cell_id.clone_from(cell_id);
    }
    Ok(config)
}

/// Where a cell's backups are.
#[derive(Debug, Args)]
pub(super) struct BackupsPlaceArgs {
    /// Folder of the object store that backups are in; without it that of the cell's usage
    #[arg(long, value_name = "DIR")]
    objects: Option<PathBuf>,
}

impl BackupsPlaceArgs {
    /// The object store.
    pub(super) fn open(&self, config: &CellConfig) -> anyhow::Result<Arc<dyn ObjectStore>> {
        match wiring::objects::open(self.objects.as_deref().or(config.objects.as_deref()))? {
            Some(objects) => Ok(objects),
            None => Err(UsageError::new("where are backups kept? Pass --objects").into()),
        }
    }
}

/// A cell whose backups are looked at.
#[derive(Debug, Args)]
pub(super) struct BackedUpCellArgs {
    /// The cell's configuration file (TOML)
    #[arg(long, short = 'c')]
    config: Option<PathBuf>,
    /// Its id
    #[arg(long)]
    cell_id: Option<String>,
}

impl BackedUpCellArgs {
    /// The cell's configuration.
    pub(super) fn load(&self) -> anyhow::Result<CellConfig> {
        load(self.config.as_ref(), self.cell_id.as_ref())
    }
}

/// The files of a cell on SQLite.
pub(super) fn files(config: &CellConfig) -> anyhow::Result<CellFiles> {
    match Database::configured(config)? {
        Database::Sqlite(cell) => Ok(CellFiles { lists: wiring::stores::visibility_path(&cell), cell }),
        Database::Memory => bail!("a cell in memory stores nothing: give --database-url"),
        Database::Postgres(_) => bail!(
            "this is for cells on SQLite: a PostgreSQL database is backed up and restored with its own tools, see \
             docs/RUNBOOKS.md"
        ),
    }
}
