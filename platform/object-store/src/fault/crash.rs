//! A store whose storage has a page cache: what was not synced is gone after a crash, or half there.

use crate::error::ObjectStoreError;
use crate::key::{check, check_prefix};
use crate::memory::within;
use crate::store::{ConditionalPut, ObjectStore};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// When an engine syncs what it wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncMode {
    /// Before it answers, as every engine must.
    BeforeAnswer,
    /// Only when told to: an engine that breaks its promise, for tests that such a one is found out.
    Never,
}

/// A place that outlives the processes that use it. Clones are the same place.
#[derive(Clone)]
pub struct CrashObjects {
    mode: SyncMode,
    disk: Arc<Mutex<Disk>>,
}

#[derive(Default)]
struct Disk {
    live: BTreeMap<String, Bytes>,
    durable: BTreeMap<String, Bytes>,
    /// Writes that `live` has and `durable` has not: the object, or none for a deletion.
    unsynced: Vec<(String, Option<Bytes>)>,
    /// Rises with every crash; handles of earlier lives are dead.
    life: u64,
    /// Where the next write waits between being written and being synced.
    gate: Option<Arc<Semaphore>>,
}

impl CrashObjects {
    /// An empty place.
    pub fn new(mode: SyncMode) -> CrashObjects {
        CrashObjects { mode, disk: Arc::default() }
    }

    /// A store in this place, as a process that starts now has it.
    pub fn start(&self) -> Arc<dyn ObjectStore> {
        let life = self.disk().life;
        Arc::new(Handle { place: self.clone(), life })
    }

    /// Lets the next write wait for a permit after it was written and before it is synced.
    pub fn hold_next_sync(&self, gate: Arc<Semaphore>) {
        self.disk().gate = Some(gate);
    }

    /// How many writes are not synced.
    pub fn unsynced(&self) -> usize {
        self.disk().unsynced.len()
    }

    /// Ends every handle and loses what was not synced: the first `kept` of those writes happened all the same, and of
    /// the next one half, if it is `torn`.
    pub fn crash(&self, kept: usize, torn: bool) {
        let mut disk = self.disk();
        disk.life += 1;
        disk.gate = None;
        let unsynced = std::mem::take(&mut disk.unsynced);
        for (index, (key, object)) in unsynced.into_iter().enumerate() {
            match object {
                object if index < kept => disk.apply_durably(&key, object),
                Some(object) if index == kept && torn => {
                    let half = object.slice(..object.len() / 2);
                    disk.apply_durably(&key, Some(half));
                }
                _ => break,
            }
        }
        disk.live = disk.durable.clone();
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn write(&mut self, key: &str, object: Option<Bytes>) {
        match &object {
            Some(bytes) => self.live.insert(key.to_owned(), bytes.clone()),
            None => self.live.remove(key),
        };
        self.unsynced.push((key.to_owned(), object));
    }

    fn apply_durably(&mut self, key: &str, object: Option<Bytes>) {
        match object {
            Some(bytes) => self.durable.insert(key.to_owned(), bytes),
            None => self.durable.remove(key),
        };
    }

    fn sync(&mut self) {
        for (key, object) in std::mem::take(&mut self.unsynced) {
            self.apply_durably(&key, object);
        }
    }
}

struct Handle {
    place: CrashObjects,
    life: u64,
}

impl Handle {
    fn alive(&self) -> Result<MutexGuard<'_, Disk>, ObjectStoreError> {
        let disk = self.place.disk();
        if disk.life == self.life {
            Ok(disk)
        } else {
            Err(io::Error::other("the process of this handle has crashed").into())
        }
    }

    /// Writes, syncs, answers; a crash may come in between.
    async fn write<T: Send>(&self, write: impl FnOnce(&mut Disk) -> T + Send) -> Result<T, ObjectStoreError> {
        let (answer, gate) = {
            let mut disk = self.alive()?;
            let answer = write(&mut disk);
            (answer, disk.gate.take())
        };
        if let Some(gate) = gate
            && let Ok(permit) = gate.acquire().await
        {
            permit.forget();
        }
        let mut disk = self.alive()?;
        if self.place.mode == SyncMode::BeforeAnswer {
            disk.sync();
        }
        Ok(answer)
    }
}

#[async_trait]
impl ObjectStore for Handle {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        check(key)?;
        let write = |disk: &mut Disk| {
            disk.write(key, Some(bytes));
        };
        self.write(write).await
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        check(key)?;
        let write = |disk: &mut Disk| match disk.live.get(key) {
            Some(standing) => ConditionalPut::beside(standing, &bytes),
            None => {
                disk.write(key, Some(bytes));
                ConditionalPut::Written
            }
        };
        self.write(write).await
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        check(key)?;
        self.alive()?.live.get(key).map(|object| within(key, object, most)).transpose()
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        check_prefix(prefix)?;
        let disk = self.alive()?;
        let keys = disk.live.keys().filter(|key| key.starts_with(prefix));
        let keys = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(keys.take(limit).cloned().collect())
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        check(key)?;
        let write = |disk: &mut Disk| {
            if disk.live.contains_key(key) {
                disk.write(key, None);
            }
        };
        self.write(write).await
    }
}
