//! The engine.

use crate::client::client;
use crate::limits::Limits;
use crate::location::S3Location;
use crate::write::Condition;
use async_trait::async_trait;
use atoll_object_store::{ConditionalPut, ObjectStore, ObjectStoreError, Unfit, Use};
use aws_sdk_s3::Client;
use bytes::Bytes;
use std::io;
use tokio::sync::OnceCell;

/// A bucket, or a prefix in one, as a store.
pub struct S3ObjectStore {
    pub(crate) client: Client,
    pub(crate) location: S3Location,
    pub(crate) limits: Limits,
    pub(crate) used: Use,
    pub(crate) proven: OnceCell<()>,
}

impl S3ObjectStore {
    /// A store that has asked for nothing yet. What is asked of it before [`prove`](Self::prove) succeeded proves it
    /// first.
    pub async fn connect(location: S3Location, used: Use) -> Self {
        Self::with_limits(location, used, Limits::default()).await
    }

    /// As [`connect`](Self::connect), with bounds of the caller's.
    pub async fn with_limits(location: S3Location, used: Use, limits: Limits) -> Self {
        let limits = Limits { part_bytes: limits.part_bytes.max(Limits::LEAST_PART_BYTES), ..limits };
        let client = client(&location, &limits).await;
        Self { client, location, limits, used, proven: OnceCell::new() }
    }

    /// The bucket and the prefix, for people.
    pub fn place(&self) -> String {
        self.location.to_string()
    }

    /// Nothing is taken for ours in a bucket that is not proven fit.
    async fn fit(&self) -> Result<(), ObjectStoreError> {
        self.prove().await.map_err(|unfit: Unfit| {
            let kind =
                if unfit.is_away() { io::ErrorKind::NotConnected } else { io::ErrorKind::PermissionDenied };
            io::Error::new(kind, unfit.to_string()).into()
        })
    }

    /// Nor is anything written there.
    async fn writable(&self) -> Result<(), ObjectStoreError> {
        if self.used == Use::Read {
            let refused = io::Error::new(io::ErrorKind::PermissionDenied, "the store was opened to read");
            return Err(refused.into());
        }
        self.fit().await
    }
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        let name = self.location.name_of(key)?;
        self.writable().await?;
        let written = self.write(&name, &bytes, Condition::None).await;
        written.map_err(|failure| failure.of_call("writing", &name).into())
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        let name = self.location.name_of(key)?;
        self.writable().await?;
        let written = self.write_if_absent(&name, &bytes).await;
        written.map_err(|failure| failure.of_call("writing", &name).into())
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        let name = self.location.name_of(key)?;
        self.fit().await?;
        match self.read(&name, most).await.map_err(|failure| failure.of_call("reading", &name))? {
            Ok(object) => Ok(object),
            Err(bytes) => Err(ObjectStoreError::TooLarge { key: key.to_owned(), bytes, most }),
        }
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        atoll_object_store::key::check_prefix(prefix)?;
        self.fit().await?;
        let listed = self.keys(prefix, after, limit).await;
        listed.map_err(|failure| failure.of_call("listing", &self.location.under(prefix)).into())
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        let name = self.location.name_of(key)?;
        self.writable().await?;
        let deleted = self.remove(&name).await;
        deleted.map_err(|failure| failure.of_call("deleting", &name).into())
    }
}
