//! What a database engine gives: two kinds of transactions. What is done in them stands in [`super::Store`].
//!
//! A transaction of which a call failed is good for nothing but to be dropped. Dropped before its end, it is undone;
//! so it is where the process dies. A call that has not answered after a while fails.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Change, OpenError, Selection, StoreError};
use crate::completeness::{Manifest, ShardProgress};
use crate::cube::CubeKey;
use crate::decision::Decision;
use crate::ledger::{KnownOwner, Ledger, Quantity};
use crate::lineage::Origin;

/// A database. Several processes may have one open where [the engine](super::Database) lets them.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Begins a transaction that has the shard to itself, in all incarnations that share its ledger, and waits until
    /// whoever has it has ended. A shard that nothing was taken in of yet is made, and goes again unless the
    /// transaction commits.
    async fn hold<'a>(&'a self, origin: &'a Origin) -> Result<Box<dyn HeldShard + 'a>, StoreError>;

    /// Begins a transaction that sees one moment, and writes nothing. It waits for nobody.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError>;

    /// Keeps a manifest, in a transaction of its own. One that is known changes nothing.
    async fn insert_manifest(&self, manifest: &Manifest) -> Result<(), StoreError>;

    /// Keeps a decision about an incarnation, in a transaction of its own, unless one of its kind stands. Answers the
    /// one that stands.
    async fn decide(&self, decision: &Decision) -> Result<Decision, StoreError>;

    /// Ends when nothing that is committed from now on is kept, and says why.
    async fn lost(&self) -> OpenError;

    /// Closes every connection; later calls fail.
    async fn close(&self);
}

/// A shard that nobody else changes, and the cube, to which others add at the same time.
#[async_trait]
pub(crate) trait HeldShard: Send {
    /// The shard's ledger as it stands, without gains.
    async fn ledger(&mut self) -> Result<Ledger, StoreError>;

    /// What any shard of any incarnation of the cell says of these namespaces: of each the newest record.
    async fn owners_in_cell(
        &mut self,
        namespace_ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, KnownOwner>, StoreError>;

    /// Writes what has changed in the shard's ledger, and counts one object more.
    async fn save(&mut self, change: &Change<'_>) -> Result<(), StoreError>;

    /// Adds to rows of the cube, making those that are missing. The last call before the commit: others that add to the
    /// same rows wait from here on.
    async fn add(&mut self, gains: &BTreeMap<CubeKey, Quantity>) -> Result<(), StoreError>;

    /// Keeps a decision to skip rows unless one stands that begins with the same, and answers the one that stands.
    async fn decide(&mut self, decision: &Decision) -> Result<Decision, StoreError>;

    /// Makes it durable. After an error nobody knows whether it is: the shard's watermark says so.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Leaves everything as it was.
    async fn undo(self: Box<Self>) -> Result<(), StoreError>;
}

/// Everything as of one moment.
#[async_trait]
pub(crate) trait Snapshot: Send {
    /// Every manifest, by cell and first hour.
    async fn manifests(&mut self) -> Result<Vec<Manifest>, StoreError>;

    /// Every shard that an object was taken in of, by cell, incarnation and number.
    async fn shards(&mut self) -> Result<Vec<ShardProgress>, StoreError>;

    /// Every decision, oldest first.
    async fn decisions(&mut self) -> Result<Vec<Decision>, StoreError>;

    /// The ledgers that are so far, in their order, without gains. Of one account where it is named: then they hold the
    /// namespaces that belong to it, and no others.
    async fn ledgers(
        &mut self,
        shards: &[&ShardProgress],
        account_id: Option<&str>,
    ) -> Result<Vec<Ledger>, StoreError>;

    /// Rows of the cube in the order of their keys.
    async fn cube(&mut self, selection: &Selection) -> Result<Vec<(CubeKey, Quantity)>, StoreError>;

    /// Ends it, so that the next one need not open a connection.
    async fn end(self: Box<Self>) -> Result<(), StoreError>;
}
