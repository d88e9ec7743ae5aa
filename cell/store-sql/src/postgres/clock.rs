//! The machine's clock against the database's: what is due is judged by the one, who owns what by the other.

use super::database::Database;
use super::error::Failure;
use super::keys::get;
use super::statements::NOW;
use cell_store::StoreError;
use std::sync::Arc;

/// The machine's wall clock, Unix milliseconds; never one that was shifted for development.
pub type MachineClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How far the machine's clock may be from the database's.
const APART_MS: i64 = 5_000;

/// Refuses with `Unavailable` where the machine's clock is far from the database's: timers of what is acquired then
/// would fire early or late, and what other owners wrote would lie ahead. The time that the question takes counts for
/// neither.
pub(super) async fn check(database: &Database) -> Result<(), Failure> {
    let Some(clock) = database.clock.get() else { return Ok(()) };
    let mut session = database.writing.session().await?;
    let before = clock();
    let rows = session.all(session.query(NOW)).await?;
    let after = clock();
    session.end().await?;
    let now = rows.first().map_or(Ok(before), |row| get::<i64>(row, 0))?;
    match apart(before, now, after) {
        0 => Ok(()),
        apart => Err(StoreError::Unavailable(format!(
            "the clock of this machine is {:.1} s {} that of the database's server: set it right (NTP); no shard is taken \
             over until then",
            apart.unsigned_abs() as f64 / 1_000.0,
            if apart > 0 { "ahead of" } else { "behind" },
        ))
        .into()),
    }
}

/// Milliseconds that the machine, which asked at `before` and heard at `after`, is ahead of `now`, where that is too
/// much; else 0.
fn apart(before: i64, now: i64, after: i64) -> i64 {
    if before - now > APART_MS {
        before - now
    } else if now - after > APART_MS {
        after - now
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn the_time_that_asking_takes_is_not_held_against_a_clock() {
        assert_eq!(apart(1_000, 6_000, 1_000), 0);
        assert_eq!(apart(1_000, 6_001, 1_000), -5_001);
        assert_eq!(apart(6_001, 1_000, 6_001), 5_001);
        assert_eq!(apart(0, 9_000, 10_000), 0);
        assert_eq!(apart(0, 15_001, 10_000), -5_001);
    }
}
