use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};

use super::{StoreError, sql};
use crate::model::{Pushed, Recovering};

/// Notes that a cell holds more of a subject than was given out. A later note of the same subject replaces the earlier
/// one.
pub(crate) async fn enter(
    connection: &mut SqliteConnection,
    recovering: &Recovering,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(sql!("recovering_enter"))
        .bind(recovering.subject.to_string())
        .bind(&recovering.cell_id)
        .bind(recovering.held.cast_signed())
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// What is known of a subject; none while it is pushed as always.
pub(crate) async fn get(
    connection: &mut SqliteConnection,
    subject: Pushed,
) -> Result<Option<Recovering>, StoreError> {
    let row = query(sql!("recovering_get")).bind(subject.to_string()).fetch_optional(connection).await?;
    row.as_ref().map(recovering).transpose()
}

/// Everything that waits for an operator, by subject.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<Recovering>, StoreError> {
    let rows = query(sql!("recovering_list")).fetch_all(connection).await?;
    rows.iter().map(recovering).collect()
}

/// Forgets what was noted of a cell: it is pushed to again. Gives how many subjects that were.
pub(crate) async fn leave(connection: &mut SqliteConnection, cell_id: &str) -> Result<u64, StoreError> {
    Ok(query(sql!("recovering_leave")).bind(cell_id).execute(connection).await?.rows_affected())
}

fn recovering(row: &SqliteRow) -> Result<Recovering, StoreError> {
    let subject: String = row.try_get("subject")?;
    Ok(Recovering {
        subject: Pushed::parse(&subject)
            .ok_or_else(|| StoreError::malformed("recovering subject", subject))?,
        cell_id: row.try_get("cell_id")?,
        held: row.try_get::<i64, _>("held")?.cast_unsigned(),
    })
}
