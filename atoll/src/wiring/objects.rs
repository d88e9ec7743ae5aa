//! The object store that usage goes through: a folder, or S3.

mod location;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use atoll_object_store::{LocalObjectStore, ObjectStore, Unfit, Use};
use atoll_object_store_s3::S3ObjectStore;
use atoll_secret::Secret;

pub(crate) use location::Location;

/// How long a start waits for an object store: a cell serves without, and so does metering answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// An object store that a configuration names.
pub(crate) struct Objects {
    engine: Engine,
    used: Use,
}

enum Engine {
    Folder(LocalObjectStore),
    S3(Arc<S3ObjectStore>),
}

impl Objects {
    /// What a configuration says. Asks for nothing yet, and makes nothing.
    pub(crate) async fn configured(url: &Secret, used: Use) -> anyhow::Result<Self> {
        Ok(Self::at(Location::parse(url).context("the object store's URL")?, used).await)
    }

    /// The object store at a place.
    pub(crate) async fn at(location: Location, used: Use) -> Self {
        let engine = match location {
            Location::Folder(path) => Engine::Folder(LocalObjectStore::at(path)),
            Location::S3(location) => Engine::S3(Arc::new(S3ObjectStore::connect(location, used).await)),
        };
        Self { engine, used }
    }

    /// Refuses one that is not fit for this use, with what to do about it. One that does not answer may be, and proves
    /// itself before anything is taken from it or put there: that is told, and all right.
    pub(crate) async fn prove_or_wait(&self) -> anyhow::Result<()> {
        match self.prove().await {
            Err(unfit) if unfit.is_away() => {
                tracing::warn!("objects {unfit}{}", unfit.remedy());
                Ok(())
            }
            Err(unfit) => Err(anyhow!("objects {unfit}{}", unfit.remedy())),
            Ok(()) => Ok(()),
        }
    }

    /// Finds out whether it is fit for this use.
    pub(crate) async fn prove(&self) -> Result<(), Unfit> {
        match &self.engine {
            Engine::Folder(folder) => folder.prove(self.used).await,
            Engine::S3(bucket) => match tokio::time::timeout(PATIENCE, bucket.prove()).await {
                Ok(proven) => proven,
                Err(_) => {
                    let problem = format!("no answer within {} s", PATIENCE.as_secs());
                    Err(Unfit::Away { place: bucket.place(), problem })
                }
            },
        }
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        match &self.engine {
            Engine::Folder(folder) => folder.place(),
            Engine::S3(bucket) => bucket.place(),
        }
    }

    /// The store itself.
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        match &self.engine {
            Engine::Folder(folder) => Arc::new(folder.clone()),
            Engine::S3(bucket) => Arc::clone(bucket) as _,
        }
    }
}
