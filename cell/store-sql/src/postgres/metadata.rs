//! Configuration records, and the store's identity.

use super::database::{Database, USUAL};
use super::error::{Failure, damaged};
use super::keys::{self, get};
use super::read::rows;
use super::statements::*;
use cell_store::{MetadataRecord, PutOutcome, StoreError, StoreIdentity, check};
use sqlx::postgres::PgRow;
use uuid::Uuid;

pub(super) async fn open(
    database: &Database,
    shard_count: u32,
    incarnation: Uuid,
) -> Result<StoreIdentity, StoreError> {
    if shard_count > check::MAX_SHARD {
        return Err(StoreError::Unsafe(format!("{shard_count} shards are more than {}", check::MAX_SHARD)));
    }
    let opened = database.writing.within(USUAL, open_once(database, shard_count as i32, incarnation));
    opened.await.map_err(Failure::at_start)
}

/// Of processes that do this at the same time one makes the identity, and the others find it.
async fn open_once(
    database: &Database,
    shard_count: i32,
    incarnation: Uuid,
) -> Result<StoreIdentity, Failure> {
    let mut session = database.writing.session().await?;
    session.begin().await?;
    let made = session.run(session.query(PUT_IDENTITY).bind(incarnation).bind(shard_count)).await?;
    if made > 0 {
        session.run(session.query(PUT_SHARDS).bind(shard_count)).await?;
    }
    let rows = session.all(session.query(IDENTITY)).await?;
    session.end().await?;
    let row = rows.first().ok_or_else(|| damaged("identity"))?;
    let shard_count = u32::try_from(get::<i32>(row, 1)?).map_err(|_| damaged("shard count"))?;
    Ok(StoreIdentity { incarnation: get(row, 0)?, shard_count })
}

pub(super) async fn list(database: &Database, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
    let rows = rows(&database.reading, METADATA_LIST, |statement| statement.bind(kind.to_owned())).await?;
    let record = |row: &PgRow| {
        Ok(MetadataRecord {
            kind: kind.to_owned(),
            id: keys::text(row, 0, "record id")?,
            version: keys::unsigned(row, 1)?,
            data: get::<Vec<u8>>(row, 2)?.into(),
        })
    };
    rows.iter().map(record).collect()
}

pub(super) async fn put(database: &Database, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
    let version = keys::integer(record.version, "version")?;
    let put = async {
        let mut session = database.writing.session().await?;
        session.begin().await?;
        let id = record.id.as_bytes();
        let statement = session.query(METADATA_PUT).bind(record.kind.as_str()).bind(id);
        let written = session.run(statement.bind(version).bind(&record.data[..])).await?;
        // Read by a statement that sees what the first one met: nobody has changed it since, for that waits for this.
        let read = session.query(METADATA_VERSION).bind(record.kind.as_str()).bind(id);
        let stored = session.all(read).await?;
        if written == 0 {
            // What stands may be of a commit that no standby has yet: one behind it is not answered before.
            session.confirm().await?;
        } else {
            session.end().await?;
        }
        match stored.first() {
            _ if written > 0 => Ok(PutOutcome::Written),
            Some(stored) => Ok(PutOutcome::Stale(keys::unsigned(stored, 0)?)),
            None => {
                Err(Failure::Store(StoreError::Unavailable("the record has just been removed".to_owned())))
            }
        }
    };
    database.writing.within(USUAL, put).await.map_err(StoreError::from)
}

pub(super) async fn remove(database: &Database, kind: &str, id: &str) -> Result<(), StoreError> {
    let remove = async {
        let mut session = database.writing.session().await?;
        let statement = session.query(METADATA_REMOVE).bind(kind).bind(id.as_bytes());
        if session.run(statement).await? == 0 {
            // As with what stands already.
            session.confirm().await?;
        } else {
            session.end().await?;
        }
        Ok::<_, Failure>(())
    };
    database.writing.within(USUAL, remove).await.map_err(StoreError::from)
}
