//! Taking a usage object in: one transaction with its shard's watermark.

use crate::hours::HOUR_MS;
use crate::standing::Standing;
use crate::store::{Store, StoreError, sql};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{
    ActionType, Attribution, CellManifest, PositionedEntry, StorageClass, UsageEntry, UsageObject,
};
use metering_rules::action_name;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};
use std::collections::{BTreeMap, HashMap};
use thiserror::Error;

/// Why an object was not taken.
#[derive(Debug, Error)]
pub enum IngestError {
    /// Storage failed; nothing was taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object says something impossible; nothing was taken.
    #[error("usage object of {cell} shard {shard}: {problem}")]
    Bad {
        /// Which cell.
        cell: String,
        /// Which shard.
        shard: u32,
        /// What is wrong.
        problem: &'static str,
    },
}

impl From<sqlx::Error> for IngestError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What became of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ingested {
    /// Its rows from the watermark on were taken.
    Taken,
    /// All of its rows were taken before.
    Known,
    /// Rows before it are missing: it waits.
    Gap,
}

/// Who usage belongs to, as of its moment. The cube's rows carry it as JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Who {
    pub(crate) account_id: String,
    pub(crate) namespace: String,
    pub(crate) project_id: String,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Who {
    fn of(attribution: &Attribution) -> Self {
        Self {
            account_id: attribution.account_id.clone(),
            namespace: attribution.namespace.clone(),
            project_id: attribution.project_id.clone(),
            tags: attribution.tags.clone(),
        }
    }

    fn json(&self) -> String {
        serde_json::to_string(self).expect("strings are JSON")
    }
}

/// What a row of the cube is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct CubeKey {
    hour_ms: i64,
    namespace_id: Vec<u8>,
    kind: &'static str,
    action_type: String,
    who: Who,
}

/// `kind` of action rows.
pub(crate) const ACTIONS: &str = "actions";

/// `kind` of a storage class's rows.
fn kind_of(class: StorageClass) -> Option<&'static str> {
    match class {
        StorageClass::Active => Some("active_storage"),
        StorageClass::Retained => Some("retained_storage"),
        StorageClass::Unspecified => None,
    }
}

/// Notes a cell; the same manifest again changes nothing.
pub(crate) async fn manifest(store: &Store, manifest: &CellManifest) -> Result<(), StoreError> {
    sqlx::query(sql::CELL_PUT)
        .bind(&manifest.cell_id)
        .bind(manifest.incarnation.to_vec())
        .bind(i64::from(manifest.shard_count))
        .bind(manifest.first_hour_start_ms)
        .execute(&store.writer)
        .await?;
    Ok(())
}

/// The row up to which a shard's usage was taken.
pub(crate) async fn watermark(store: &Store, cell: &str, incarnation: &[u8], shard: u32) -> Result<u64, StoreError> {
    let row = sqlx::query(sql::SHARD_GET)
        .bind(cell)
        .bind(incarnation)
        .bind(i64::from(shard))
        .fetch_optional(&store.writer)
        .await?;
    row.map_or(Ok(0), |row| Ok(row.try_get::<i64, _>(0)? as u64))
}

/// Takes an object in. In any order, repeated or overlapping, objects give the same cube.
pub(crate) async fn object(store: &Store, object: &UsageObject) -> Result<Ingested, IngestError> {
    let mut transaction = store.writer.begin().await?;
    let mut shard = Shard::load(&mut transaction, object).await?;
    if object.to_seq <= shard.watermark {
        return Ok(Ingested::Known);
    }
    if object.from_seq > shard.watermark {
        return Ok(Ingested::Gap);
    }
    shard.take(object)?;
    shard.save(&mut transaction, object).await?;
    transaction.commit().await?;
    Ok(Ingested::Taken)
}

/// A shard's state while an object is taken.
struct Shard {
    watermark: u64,
    sealed_until_ms: i64,
    written_at_ms: i64,
    standing: BTreeMap<(Vec<u8>, &'static str), (Standing, Who)>,
    added: BTreeMap<CubeKey, i128>,
}

impl Shard {
    async fn load(connection: &mut SqliteConnection, object: &UsageObject) -> Result<Self, StoreError> {
        let row = sqlx::query(sql::SHARD_GET)
            .bind(&object.cell_id)
            .bind(object.incarnation.to_vec())
            .bind(i64::from(object.shard))
            .fetch_optional(&mut *connection)
            .await?;
        let (watermark, written_at_ms, sealed_until_ms) = match row {
            Some(row) => (row.try_get::<i64, _>(0)? as u64, row.try_get(1)?, row.try_get(2)?),
            None => (0, i64::MIN, i64::MIN),
        };
        let rows = sqlx::query(sql::STANDING_OF_SHARD)
            .bind(&object.cell_id)
            .bind(object.incarnation.to_vec())
            .bind(i64::from(object.shard))
            .fetch_all(connection)
            .await?;
        let mut standing = BTreeMap::new();
        for row in rows {
            let class: String = row.try_get(1)?;
            let class = [StorageClass::Active, StorageClass::Retained]
                .into_iter()
                .filter_map(kind_of)
                .find(|kind| *kind == class)
                .ok_or(StoreError::Malformed("storage class"))?;
            let who = serde_json::from_str(row.try_get(4)?).map_err(|_| StoreError::Malformed("attribution"))?;
            let state = Standing { bytes: row.try_get(2)?, through_ms: row.try_get(3)? };
            standing.insert((row.try_get(0)?, class), (state, who));
        }
        Ok(Self { watermark, sealed_until_ms, written_at_ms, standing, added: BTreeMap::new() })
    }

    fn take(&mut self, object: &UsageObject) -> Result<(), IngestError> {
        let who: HashMap<&[u8], Who> =
            object.attributions.iter().map(|a| (a.namespace_id.as_ref(), Who::of(a))).collect();
        let bad = |problem| IngestError::Bad { cell: object.cell_id.clone(), shard: object.shard, problem };
        for PositionedEntry { seq, entry, .. } in &object.entries {
            if *seq >= self.watermark {
                let entry = entry.as_ref().ok_or_else(|| bad("an entry is empty"))?;
                self.entry(entry, who.get(entry.namespace_id.as_ref())).map_err(bad)?;
            }
        }
        let watermark = self.watermark;
        for seal in object.seals.iter().filter(|seal| seal.seq >= watermark) {
            self.seal(seal.hour_start_ms + HOUR_MS);
        }
        self.watermark = object.to_seq;
        self.written_at_ms = self.written_at_ms.max(object.written_at_ms);
        Ok(())
    }

    fn entry(&mut self, entry: &UsageEntry, who: Option<&Who>) -> Result<(), &'static str> {
        let namespace_id = entry.namespace_id.to_vec();
        match entry.kind.as_ref().ok_or("an entry has no kind")? {
            Kind::Actions(actions) => {
                let action = ActionType::try_from(actions.r#type).map_err(|_| "an action type is unknown")?;
                let key = CubeKey {
                    hour_ms: crate::hours::hour_of(entry.at_ms),
                    namespace_id,
                    kind: ACTIONS,
                    action_type: action_name(action),
                    who: who.cloned().unwrap_or_default(),
                };
                *self.added.entry(key).or_default() += i128::from(actions.count);
            }
            Kind::Storage(delta) => {
                let class = StorageClass::try_from(delta.class).ok().and_then(kind_of);
                let class = class.ok_or("a storage class is unknown")?;
                let (standing, owner) = self
                    .standing
                    .entry((namespace_id.clone(), class))
                    .or_insert_with(|| (Standing::from(entry.at_ms), Who::default()));
                let added = &mut self.added;
                let before = owner.clone();
                standing.change(entry.at_ms, delta.bytes, |hour_ms, amount| {
                    let owner = if before == Who::default() { who.unwrap_or(&before) } else { &before };
                    let key = storage_key(hour_ms, &namespace_id, class, owner);
                    *added.entry(key).or_default() += amount;
                });
                if let Some(who) = who {
                    owner.clone_from(who);
                }
            }
        }
        Ok(())
    }

    /// No entry of a time before `until_ms` follows: what stands is integrated up to there.
    fn seal(&mut self, until_ms: i64) {
        for ((namespace_id, class), (standing, who)) in &mut self.standing {
            let added = &mut self.added;
            standing.advance(until_ms, &mut |hour_ms, amount| {
                *added.entry(storage_key(hour_ms, namespace_id, class, who)).or_default() += amount;
            });
        }
        self.sealed_until_ms = self.sealed_until_ms.max(until_ms);
    }

    async fn save(self, connection: &mut SqliteConnection, object: &UsageObject) -> Result<(), StoreError> {
        for (key, amount) in self.added.iter().filter(|(_, amount)| **amount != 0) {
            add(connection, &object.cell_id, key, *amount).await?;
        }
        for ((namespace_id, class), (standing, who)) in &self.standing {
            sqlx::query(sql::STANDING_PUT)
                .bind(&object.cell_id)
                .bind(object.incarnation.to_vec())
                .bind(i64::from(object.shard))
                .bind(namespace_id)
                .bind(*class)
                .bind(standing.bytes)
                .bind(standing.through_ms)
                .bind(who.json())
                .execute(&mut *connection)
                .await?;
        }
        sqlx::query(sql::SHARD_PUT)
            .bind(&object.cell_id)
            .bind(object.incarnation.to_vec())
            .bind(i64::from(object.shard))
            .bind(self.watermark as i64)
            .bind(self.written_at_ms)
            .bind(self.sealed_until_ms)
            .execute(&mut *connection)
            .await?;
        sqlx::query(sql::VERSION_RAISE).execute(connection).await?;
        Ok(())
    }
}

fn storage_key(hour_ms: i64, namespace_id: &[u8], kind: &'static str, who: &Who) -> CubeKey {
    CubeKey { hour_ms, namespace_id: namespace_id.to_vec(), kind, action_type: String::new(), who: who.clone() }
}

async fn add(connection: &mut SqliteConnection, cell: &str, key: &CubeKey, amount: i128) -> Result<(), StoreError> {
    let who = key.who.json();
    let held = sqlx::query(sql::CUBE_GET)
        .bind(key.hour_ms)
        .bind(cell)
        .bind(&key.namespace_id)
        .bind(key.kind)
        .bind(&key.action_type)
        .bind(&who)
        .fetch_optional(&mut *connection)
        .await?;
    let held: i128 = match held {
        Some(row) => row.try_get::<String, _>(0)?.parse().map_err(|_| StoreError::Malformed("quantity"))?,
        None => 0,
    };
    sqlx::query(sql::CUBE_PUT)
        .bind(key.hour_ms)
        .bind(cell)
        .bind(&key.namespace_id)
        .bind(key.kind)
        .bind(&key.action_type)
        .bind(&who)
        .bind(&key.who.account_id)
        .bind(&key.who.namespace)
        .bind((held + amount).to_string())
        .execute(connection)
        .await?;
    Ok(())
}
