//! What a cell stores, for commands that work on it beside its process.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use atoll_object_store::{ObjectStore, Use};
use cell_backup::CellFiles;
use clap::Args;

use super::serve::database::DatabaseArgs;
use crate::cli::UsageError;
use crate::cli::objects_url::ObjectsUrlArgs;
use crate::config::CellConfig;
use crate::wiring;
use crate::wiring::objects::Objects;
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

/// Where a cell's backups are: in the object store of its usage, unless the flag names another.
#[derive(Debug, Args)]
pub(super) struct BackupsPlaceArgs {
    #[command(flatten)]
    objects: ObjectsUrlArgs,
}

impl BackupsPlaceArgs {
    /// The object store, once it has proved fit for this use.
    pub(super) async fn open(&self, config: &CellConfig, used: Use) -> anyhow::Result<Arc<dyn ObjectStore>> {
        let mut url = config.objects_url.clone();
        self.objects.over(&mut url)?;
        let Some(url) = url else {
            return Err(UsageError::new("where are backups kept? Pass --objects-url").into());
        };
        let objects = Objects::configured(&url, used).await?;
        objects.prove().await.map_err(|unfit| anyhow!("objects {unfit}{}", unfit.remedy()))?;
        Ok(objects.store())
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
