//! The database: manifests, ledgers of shards, the cube; and what may be done to them.
//!
//! An object is taken in by one transaction that has its shard to itself, and in which everything is checked: after a
//! crash it is in as a whole or not at all, and taking it in again, or by two at once, changes nothing. What is read
//! together is read as of one moment.
//!
//! [`Engine`] is the seam: what has to be done stands here, once, above it; how rows are read and written is the
//! engine's. Every engine passes the suite in `conformance`.
//!
//! To add a statement: a file in each engine's `sql/` and a line in its `statements.rs`, whose test prepares it. To
//! change the schema: a new file in each engine's `migrations/`, last in its `SCHEMA`. To add an engine: a folder, a
//! kind of [`Database`], and a line in `conformance`.

mod change;
mod columns;
mod database;
mod engine;
mod error;
mod postgres;
mod sqlite;

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_database::Database;
use atoll_internal_api::usage::v1::UsageObject;
use uuid::Uuid;

use crate::completeness::{Manifest, Progress};
use crate::cube::CubeKey;
use crate::decision::{Decision, Signed, Verdict};
use crate::ledger::{Applied, Ledger, NotUsage, Quantity, Turned};
use crate::lineage::Origin;

use change::Change;
pub use database::inspect_database;
use engine::{Engine, HeldShard, Snapshot};
pub use error::OpenError;
pub(crate) use error::StoreError;

/// A shard by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShardName {
    /// Cell.
    pub(crate) cell_id: String,
    /// Log incarnation.
    pub(crate) incarnation: Uuid,
    /// Number within the cell.
    pub(crate) shard: u32,
}

/// Which rows of the cube to read.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// One account's; every account's where it is none.
    pub(crate) account_id: Option<String>,
    /// One namespace's, by cloud id; every namespace's where it is empty.
    pub(crate) namespace: String,
    /// Only rows behind this key.
    pub(crate) after: CubeKey,
    /// Only hours that start before this.
    pub(crate) before_ms: i64,
    /// At most this many.
    pub(crate) limit: usize,
}

impl Selection {
    /// Whether a row that is not stored belongs to the selection, the limit aside.
    pub(crate) fn takes(&self, key: &CubeKey) -> bool {
        self.account_id.as_ref().is_none_or(|account| *account == key.account_id)
            && (self.namespace.is_empty() || self.namespace == key.namespace)
            && *key > self.after
            && key.hour_ms < self.before_ms
    }
}

/// A page of the cube with what was true at that moment.
pub(crate) struct CubePage {
    /// Rows in order.
    pub(crate) rows: Vec<(CubeKey, Quantity)>,
    /// Ledgers of the shards that have not sealed all of the hours asked for; of the account alone, where one is named.
    pub(crate) open: Vec<Ledger>,
    /// How far shards are in.
    pub(crate) progress: Progress,
}

/// Rows to give up.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// Shard.
    pub(crate) origin: Origin,
    /// First row.
    pub(crate) from_seq: u64,
    /// One past the last.
    pub(crate) to_seq: u64,
    /// The first hour that the shard must seal.
    pub(crate) first_hour_ms: i64,
}

/// What came of giving rows up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// They are given up.
    Done,
    /// Nothing: the shard waits for this row.
    WaitsFor(u64),
}

/// An open database. Clones share it.
#[derive(Clone)]
pub(crate) struct Store {
    engine: Arc<dyn Engine>,
}

impl Store {
    /// Opens a database: see [`inspect_database`] for what is refused.
    pub(crate) async fn open(database: &Database) -> Result<Self, OpenError> {
        Ok(Self { engine: database::open(database).await? })
    }

    /// Ends when nothing that is committed from now on is kept. Whoever serves has to stop then, at once.
    pub(crate) async fn lost(&self) -> OpenError {
        self.engine.lost().await
    }

    /// Closes every connection; later calls fail.
    pub(crate) async fn close(&self) {
        self.engine.close().await;
    }

    /// Keeps a manifest. One that is known changes nothing.
    pub(crate) async fn insert_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.engine.insert_manifest(manifest).await
    }

    /// Takes an object in, in one transaction. What it may not contain is told as the inner error; nothing changes
    /// then. After an outer error nobody knows whether it is in: taken in again, it is in once.
    pub(crate) async fn take_in(
        &self,
        origin: impl Into<Origin>,
        object: &UsageObject,
    ) -> Result<Result<Applied, NotUsage>, StoreError> {
        let origin = origin.into();
        let mut shard = self.engine.hold(&origin).await?;
        let before = shard.ledger().await?;
        let mut after = Ledger { began_ms: origin.began_ms, ..before.clone() };
        find_owners(&mut *shard, &mut after, object).await?;
        let applied = after.apply(object);
        if let Ok(Applied::Taken { .. }) = applied {
            shard.save(&Change::between(&before, &after)).await?;
            shard.add(&after.gains).await?;
            shard.commit().await?;
        } else {
            shard.undo().await?;
        }
        Ok(applied)
    }

    /// Keeps a decision about an incarnation. Where one of its kind stands already, that one is answered.
    pub(crate) async fn decide(&self, decision: &Decision) -> Result<Decision, StoreError> {
        self.engine.decide(decision).await
    }

    /// Gives up the rows `[from_seq, to_seq)` of a shard that waits for the first of them, in one transaction with the
    /// decision, which begins at the first hour that the shard has not sealed, or at `first_hour_ms`.
    pub(crate) async fn skip(&self, rows: &Rows, signed: &Signed) -> Result<Skipped, StoreError> {
        let Rows { origin, from_seq, to_seq, first_hour_ms } = rows;
        let name = &origin.name;
        let mut shard = self.engine.hold(origin).await?;
        let before = shard.ledger().await?;
        if before.watermark != *from_seq {
            shard.undo().await?;
            return Ok(Skipped::WaitsFor(before.watermark));
        }
        let mut after = before.clone();
        after.skip(*to_seq);
        let since_ms = before.sealed_until_ms.unwrap_or(*first_hour_ms);
        let verdict = Verdict::Skipped { shard: name.shard, from_seq: *from_seq, to_seq: *to_seq, since_ms };
        shard.save(&Change::between(&before, &after)).await?;
        shard.decide(&signed.decision(&name.cell_id, name.incarnation, verdict)).await?;
        shard.commit().await?;
        Ok(Skipped::Done)
    }

    /// Settles what became of a shard's rows, in one transaction, unless more of them is in than `watermark` says, or
    /// somebody else has. Answers whether it did.
    pub(crate) async fn settle(
        &self,
        origin: &Origin,
        watermark: u64,
        turned: &Turned,
    ) -> Result<bool, StoreError> {
        let mut shard = self.engine.hold(origin).await?;
        let before = shard.ledger().await?;
        if before.watermark != watermark || !turned.follows(&before.fate) {
            shard.undo().await?;
            return Ok(false);
        }
        let mut after = before.clone();
        after.settle(turned);
        shard.save(&Change::between(&before, &after)).await?;
        shard.add(&after.gains).await?;
        shard.commit().await?;
        Ok(true)
    }

    /// How far every shard is in.
    pub(crate) async fn progress(&self) -> Result<Progress, StoreError> {
        let mut snapshot = self.engine.snapshot().await?;
        let progress = progress(&mut *snapshot).await?;
        snapshot.end().await?;
        Ok(progress)
    }

    /// A page of the cube, with all that is needed to add the hours that are open, as of one moment.
    pub(crate) async fn page(&self, selection: &Selection) -> Result<CubePage, StoreError> {
        let mut snapshot = self.engine.snapshot().await?;
        let rows = snapshot.cube(selection).await?;
        let progress = progress(&mut *snapshot).await?;
        let full = rows.len() >= selection.limit;
        let last_hour = rows.last().filter(|_| full).map_or(selection.before_ms, |(key, _)| key.hour_ms);
        let ledgers = progress.ledgers();
        let unsealed = ledgers
            .iter()
            .filter(|ledger| ledger.sealed_until_ms.is_none_or(|sealed| sealed <= last_hour))
            .collect::<Vec<_>>();
        let open = snapshot.ledgers(&unsealed, selection.account_id.as_deref()).await?;
        snapshot.end().await?;
        Ok(CubePage { rows, open, progress })
    }
}

async fn progress(snapshot: &mut dyn Snapshot) -> Result<Progress, StoreError> {
    Ok(Progress {
        manifests: snapshot.manifests().await?,
        shards: snapshot.shards().await?,
        decisions: snapshot.decisions().await?,
    })
}

/// Fills in owners that neither the object nor the shard names, by what other shards of the cell have said: better on
/// the right bill by an older record than on nobody's.
async fn find_owners(
    shard: &mut dyn HeldShard,
    ledger: &mut Ledger,
    object: &UsageObject,
) -> Result<(), StoreError> {
    let entries = object.entries.iter().filter_map(|positioned| positioned.entry.as_ref());
    let mut unknown: BTreeSet<&[u8]> = entries.map(|entry| entry.namespace_id.as_ref()).collect();
    for named in &object.attributions {
        unknown.remove(named.namespace_id.as_ref());
    }
    let ids = unknown.into_iter().filter_map(|id| Uuid::from_slice(id).ok());
    let ids: Vec<Uuid> = ids.filter(|id| !ledger.owners.contains_key(id)).collect();
    if !ids.is_empty() {
        ledger.owners.extend(shard.owners_in_cell(&ids).await?);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod conformance;
