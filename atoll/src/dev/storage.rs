//! Where a dev cloud stores: files of its data directory, or databases of a PostgreSQL server; and its usage objects in
//! a folder of that directory, or in an object store.
//!
//! What is outside of the data directory may be anybody's, or another cloud's. So it is looked at before anything is
//! written, each database and the object store say which cloud's they are, and the data directory remembers where they
//! are: a cloud does not begin anew beside an old one because a flag was forgotten.

mod databases;
mod kept;
mod objects;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use atoll_secret::Secret;

use super::data_dir::DataDir;
use super::plan::{cell_database, cell_ids};
use crate::cli::UsageError;
use crate::cli::dev::DevArgs;
use crate::wiring::objects::Location;
use databases::{LookedAt, Server};
use kept::Kept;

/// The databases of the pieces that are no cells.
pub(super) const METERING: &str = "metering";
pub(super) const BILLING: &str = "billing";
pub(super) const CONTROL_PLANE: &str = "control-plane";

/// Where everything is.
pub(super) struct Storage {
    kept: Kept,
    /// None where databases are files.
    server: Option<Server>,
    /// None where objects are in the data directory.
    objects: Option<GivenObjects>,
}

/// An object store that the user gave.
struct GivenObjects {
    url: Secret,
    location: Location,
}

impl Storage {
    /// What the user asks for, which must be what the data directory at `path` remembers, where there is one. Writes
    /// nothing, and asks nobody.
    pub(super) fn of(args: &DevArgs, path: &Path) -> anyhow::Result<Self> {
        let server = args.database_url()?.map(|url| Server::new(url, &args.database_prefix)).transpose()?;
        let objects = args.objects_url.as_ref().map(GivenObjects::parse).transpose()?;
        let prefix = server.as_ref().map(|server| server.prefix.as_str());
        let place = objects.as_ref().map(GivenObjects::place).transpose()?;
        let kept = Kept::find(path, prefix, place.as_deref())?;
        Ok(Self { kept, server, objects })
    }

    /// Refuses what is not this cloud's, and what it could not begin with. Writes nothing; call it while no piece runs.
    pub(super) async fn look(&self) -> anyhow::Result<Looked> {
        let databases = match &self.server {
            Some(server) => Some(server.look(&self.kept).await?),
            None => None,
        };
        if let Some(objects) = &self.objects {
            objects::look(&objects.location, &self.kept).await?;
        }
        Ok(Looked { databases })
    }

    /// Makes what is missing, and remembers where it is.
    pub(super) async fn make(&mut self, data_dir: &DataDir, looked: Looked) -> anyhow::Result<()> {
        // Whose they are is known before they say it.
        self.kept.write(data_dir.path())?;
        if let Some(databases) = looked.databases {
            databases.make(&self.kept).await?;
        }
        if let Some(objects) = &self.objects {
            objects::claim(&objects.location, &self.kept).await?;
        }
        self.kept.is_made = true;
        self.kept.write(data_dir.path())
    }

    /// Whether databases are files of the data directory.
    pub(super) fn is_in_files(&self) -> bool {
        self.server.is_none()
    }

    /// The databases of a cell: its own, and the one of its lists where they are not in a file.
    pub(super) fn of_cell(&self, id: &str, data_dir: &DataDir) -> anyhow::Result<(Secret, Option<Secret>)> {
        let Some(server) = &self.server else {
            return Ok((file(&data_dir.join(cell_database(id))), None));
        };
        let [cell, lists] = databases::of_cell(id);
        Ok((server.database_url(&cell)?, Some(server.database_url(&lists)?)))
    }

    /// The database of a piece that is no cell.
    pub(super) fn of_piece(&self, piece: &str, data_dir: &DataDir) -> anyhow::Result<Secret> {
        match &self.server {
            None => Ok(file(&data_dir.join(piece_database(piece)))),
            Some(server) => server.database_url(&databases::of_piece(piece)),
        }
    }

    /// Where usage goes.
    pub(super) fn objects_url(&self, data_dir: &DataDir) -> Secret {
        match &self.objects {
            Some(objects) => objects.url.clone(),
            None => format!("file:{}", data_dir.join("objects").display()).into(),
        }
    }

    /// Whether each look at the objects is a request that somebody may have to pay for.
    pub(super) fn pays_for_looks(&self) -> bool {
        self.objects.as_ref().is_some_and(|objects| matches!(objects.location, Location::S3(_)))
    }

    /// The databases, for people; none where they are files.
    pub(super) fn shown_databases(&self) -> Option<String> {
        self.server.as_ref().map(Server::shown)
    }

    /// The object store, for people; none where it is in the data directory.
    pub(super) fn shown_objects(&self) -> Option<String> {
        self.kept.objects.clone()
    }
}

/// What was found outside of the data directory. Nobody else makes databases on the server meanwhile.
pub(super) struct Looked {
    databases: Option<LookedAt>,
}

/// The files that are databases of a cloud in files, in the data directory.
pub(super) fn cell_files() -> impl Iterator<Item = String> {
    cell_ids().map(cell_database)
}

/// The file that is the database of a piece that is no cell.
pub(super) fn piece_database(piece: &str) -> String {
    format!("{piece}.db")
}

fn file(path: &Path) -> Secret {
    format!("sqlite:{}", path.display()).into()
}

impl GivenObjects {
    fn parse(url: &Secret) -> anyhow::Result<Self> {
        let location =
            Location::parse(url).map_err(|error| UsageError::new(format!("--objects-url {error}")))?;
        Ok(Self { url: url.clone(), location: absolute(location)? }.normal())
    }

    /// With a URL that means the same wherever it is read.
    fn normal(self) -> Self {
        match &self.location {
            Location::Folder(path) => Self { url: format!("file:{}", path.display()).into(), ..self },
            Location::S3(_) => self,
        }
    }

    /// What is remembered of it, for people, too: not how it is reached, which may change.
    fn place(&self) -> anyhow::Result<String> {
        match &self.location {
            Location::Folder(path) => {
                Ok(path.to_str().context("the object store's path is no text")?.to_owned())
            }
            Location::S3(at) => Ok(format!("s3://{}/{}", at.bucket, at.prefix)),
        }
    }
}

fn absolute(location: Location) -> anyhow::Result<Location> {
    Ok(match location {
        Location::Folder(path) => {
            let absolute: PathBuf = std::path::absolute(&path).context("the object store's path")?;
            Location::Folder(absolute)
        }
        other => other,
    })
}

/// Refuses a difference between what a data directory remembers and what it is started with.
fn same(path: &Path, what: &str, flag: &str, kept: Option<&str>, given: Option<&str>) -> anyhow::Result<()> {
    match (kept, given) {
        (kept, given) if kept == given => Ok(()),
        (None, Some(_)) => bail!(
            "{} keeps its {what} in files: start it without {flag}, or give another data directory",
            path.display()
        ),
        (Some(kept), _) => bail!(
            "{} has its {what} in {kept}: give that with {flag}, or another data directory",
            path.display()
        ),
        (None, None) => Ok(()),
    }
}
