//! Ledgers of shards: loaded whole, written back as the difference.

use std::collections::{BTreeMap, BTreeSet};

use atoll_internal_api::usage::v1::UsageObject;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::columns::{kind, quantity, signed, unsigned, uuid};
use super::{StoreError, cube, manifests, statements};
use crate::completeness::ShardProgress;
use crate::cube::Owner;
use crate::ledger::{KnownOwner, Ledger, OpenHour};

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

/// The ledger of a shard; a new one for a shard that nothing is known of.
pub(super) async fn load(connection: &mut SqliteConnection, name: &ShardName) -> Result<Ledger, StoreError> {
    match manifests::shard(connection, &name.cell_id, name.incarnation, name.shard).await? {
        Some(progress) => load_known(connection, &progress).await,
        None => Ok(Ledger::new(&name.cell_id)),
    }
}

/// The ledger of a shard that is known.
pub(super) async fn load_known(
    connection: &mut SqliteConnection,
    progress: &ShardProgress,
) -> Result<Ledger, StoreError> {
    let mut ledger = Ledger::new(&progress.cell_id);
    ledger.watermark = progress.watermark;
    ledger.sealed_until_ms = progress.sealed_until_ms;
    ledger.written_at_ms = progress.written_at_ms;
    let id = progress.shard_id;
    for row in sqlx::query(statements::SELECT_OWNERS).bind(id).fetch_all(&mut *connection).await? {
        ledger.owners.insert(uuid(&row, "namespace_id")?, known_owner(&row)?);
    }
    for row in sqlx::query(statements::SELECT_STANDING).bind(id).fetch_all(&mut *connection).await? {
        ledger.standing.insert((uuid(&row, "namespace_id")?, kind(&row)?), quantity(&row, "bytes")?);
    }
    for row in sqlx::query(statements::SELECT_OPEN_HOURS).bind(id).fetch_all(&mut *connection).await? {
        let open = OpenHour { bytes: quantity(&row, "bytes")?, moment: quantity(&row, "moment")? };
        ledger.open.insert((row.try_get("hour_ms")?, (uuid(&row, "namespace_id")?, kind(&row)?)), open);
    }
    Ok(ledger)
}

fn known_owner(row: &SqliteRow) -> Result<KnownOwner, StoreError> {
    let owner = Owner {
        namespace: row.try_get("namespace")?,
        account_id: row.try_get("account_id")?,
        project_id: row.try_get("project_id")?,
        tags: row.try_get("tags")?,
    };
    Ok(KnownOwner { owner, generation: unsigned(row, "generation")? })
}

/// Fills in owners that neither the object nor the shard names, by what other shards of the cell have said: better on
/// the right bill by an older record than on nobody's.
pub(super) async fn find_owners(
    connection: &mut SqliteConnection,
    ledger: &mut Ledger,
    object: &UsageObject,
) -> Result<(), StoreError> {
    let used: BTreeSet<&[u8]> =
        object.entries.iter().filter_map(|e| e.entry.as_ref()).map(|e| e.namespace_id.as_ref()).collect();
    let named: BTreeSet<&[u8]> = object.attributions.iter().map(|one| one.namespace_id.as_ref()).collect();
    for id in used.difference(&named) {
        let Ok(namespace_id) = Uuid::from_slice(id) else { continue };
        if ledger.owners.contains_key(&namespace_id) {
            continue;
        }
        let row = sqlx::query(statements::SELECT_OWNER_IN_CELL)
            .bind(&ledger.cell_id)
            .bind(*id)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = row {
            ledger.owners.insert(namespace_id, known_owner(&row)?);
        }
    }
    Ok(())
}

/// Writes what differs between a ledger as it was loaded and as it is now, and adds its gains to the cube.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    name: &ShardName,
    before: &Ledger,
    after: &Ledger,
) -> Result<(), StoreError> {
    let id: i64 = sqlx::query(statements::UPSERT_SHARD)
        .bind(&name.cell_id)
        .bind(name.incarnation.as_bytes().as_slice())
        .bind(i64::from(name.shard))
        .bind(signed("watermark", after.watermark)?)
        .bind(after.sealed_until_ms)
        .bind(after.written_at_ms)
        .fetch_one(&mut *connection)
        .await?
        .try_get("shard_id")?;
    for (namespace_id, known) in changed(&before.owners, &after.owners) {
        sqlx::query(statements::UPSERT_OWNER)
            .bind(id)
            .bind(namespace_id.as_bytes().as_slice())
            .bind(&known.owner.namespace)
            .bind(&known.owner.account_id)
            .bind(&known.owner.project_id)
            .bind(&known.owner.tags)
            .bind(signed("generation", known.generation)?)
            .execute(&mut *connection)
            .await?;
    }
    save_standing(connection, id, before, after).await?;
    save_open_hours(connection, id, before, after).await?;
    cube::add(connection, &after.gains).await?;
    sqlx::query(statements::RAISE_CUBE_VERSION).execute(connection).await?;
    Ok(())
}

async fn save_standing(
    connection: &mut SqliteConnection,
    id: i64,
    before: &Ledger,
    after: &Ledger,
) -> Result<(), StoreError> {
    for ((namespace_id, kind), bytes) in changed(&before.standing, &after.standing) {
        sqlx::query(statements::UPSERT_STANDING)
            .bind(id)
            .bind(namespace_id.as_bytes().as_slice())
            .bind(*kind as i64)
            .bind(bytes.to_string())
            .execute(&mut *connection)
            .await?;
    }
    for (namespace_id, kind) in gone(&before.standing, &after.standing) {
        sqlx::query(statements::DELETE_STANDING)
            .bind(id)
            .bind(namespace_id.as_bytes().as_slice())
            .bind(*kind as i64)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn save_open_hours(
    connection: &mut SqliteConnection,
    id: i64,
    before: &Ledger,
    after: &Ledger,
) -> Result<(), StoreError> {
    for ((hour_ms, (namespace_id, kind)), open) in changed(&before.open, &after.open) {
        sqlx::query(statements::UPSERT_OPEN_HOUR)
            .bind(id)
            .bind(hour_ms)
            .bind(namespace_id.as_bytes().as_slice())
            .bind(*kind as i64)
            .bind(open.bytes.to_string())
            .bind(open.moment.to_string())
            .execute(&mut *connection)
            .await?;
    }
    for (hour_ms, (namespace_id, kind)) in gone(&before.open, &after.open) {
        sqlx::query(statements::DELETE_OPEN_HOUR)
            .bind(id)
            .bind(hour_ms)
            .bind(namespace_id.as_bytes().as_slice())
            .bind(*kind as i64)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn changed<'a, K: Ord, V: PartialEq>(
    before: &BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    after.iter().filter(|(key, value)| before.get(key) != Some(value))
}

fn gone<'a, K: Ord, V>(before: &'a BTreeMap<K, V>, after: &BTreeMap<K, V>) -> impl Iterator<Item = &'a K> {
    before.keys().filter(|key| !after.contains_key(key))
}
