//! Objects in memory, for tests.

use crate::error::ObjectStoreError;
use crate::key::{check, check_prefix};
use crate::store::{ConditionalPut, ObjectStore};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Objects in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryObjectStore {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl MemoryObjectStore {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ObjectStore for MemoryObjectStore {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        check(key)?;
        self.objects().insert(key.to_owned(), bytes);
        Ok(())
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        check(key)?;
        let mut objects = self.objects();
        if let Some(standing) = objects.get(key) {
            return Ok(ConditionalPut::beside(standing, &bytes));
        }
        objects.insert(key.to_owned(), bytes);
        Ok(ConditionalPut::Written)
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        check(key)?;
        self.objects().get(key).map(|object| within(key, object, most)).transpose()
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        check_prefix(prefix)?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after.to_owned()),
            _ => Bound::Included(prefix.to_owned()),
        };
        let objects = self.objects();
        let keys = objects.range((from, Bound::Unbounded)).map(|(key, _)| key.clone());
        Ok(keys.take_while(|key| key.starts_with(prefix)).take(limit).collect())
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        check(key)?;
        self.objects().remove(key);
        Ok(())
    }
}

/// An object that its reader takes in.
pub(crate) fn within(key: &str, object: &Bytes, most: usize) -> Result<Bytes, ObjectStoreError> {
    if object.len() <= most {
        return Ok(object.clone());
    }
    Err(ObjectStoreError::TooLarge { key: key.to_owned(), bytes: object.len() as u64, most })
}
