//! Sealing hours, behind the deletions that are due in them.
//!
//! Every shard, idle or not, logs *hour H sealed* once no usage entry with a time in H can follow.
//! Deletions that are due before the end of H are logged first, because a retained byte is billed
//! until the moment its deletion was due. What damage keeps from being deleted keeps no hour open.

use crate::damage::or_damage;
use crate::error::ShardError;
use crate::memory::{Phase, Shard, ShardState};
use crate::runtime::ShardRuntime;
use atoll_internal_api::log::v1::HourSealed;
use atoll_internal_api::log::v1::record::ShardFact;
use std::sync::Arc;
use std::time::Duration;

/// An hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// Longest sleep towards an hour's end: bounds the harm of a wall clock that jumps.
const MAX_SLEEP: Duration = Duration::from_secs(30);

impl ShardRuntime {
    /// Seals hours as they end and deletes expired runs of a shard, until the runtime stops.
    pub(crate) async fn hours_loop(self: Arc<Self>, shard: Arc<Shard>) {
        loop {
            if let Err(error) = self.turn_hours(&shard).await {
                tracing::warn!(shard = shard.id.0, %error, "hours not sealed or deletions not done yet; trying again");
            }
            let now = self.wall.look().wall.millis();
            let to_boundary = u64::try_from(HOUR_MS - now.rem_euclid(HOUR_MS)).unwrap_or(0);
            let pause = MAX_SLEEP.min(self.config.retention_interval).min(Duration::from_millis(to_boundary));
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Brings every shard up to the present. An error leaves the rest for the next call.
    pub async fn turn_hours_all(&self) -> Result<(), ShardError> {
        for shard in &self.shards {
            self.turn_hours(shard).await?;
        }
        Ok(())
    }

    /// Brings one shard up to the present: deletions that are due, and seals of every ended hour.
    async fn turn_hours(&self, shard: &Shard) -> Result<(), ShardError> {
        let (now, this_hour, next) = {
            let Ok(mut state) = shard.lock_serving() else { return Ok(()) };
            let now = state.advance(self.wall.look()).millis();
            shard.metrics.time_lead.set(state.time.lead().as_secs_f64());
            let this_hour = now - now.rem_euclid(HOUR_MS);
            let next = match state.log.sealed_hour_ms {
                Some(sealed) => sealed + HOUR_MS,
                // A new log begins by sealing the hour before its first.
                None => {
                    self.seal(shard, &mut state, this_hour - HOUR_MS);
                    this_hour
                }
            };
            (now, this_hour, next)
        };
        if next < this_hour {
            if let Err(why) = or_damage(self.expire(shard, this_hour).await)? {
                // What cannot be read now is billed for as long as it stands: that is none of these hours.
                tracing::error!(shard = shard.id.0, why, "hours are sealed with deletions left to do");
            }
            let mut state = shard.state.lock();
            let mut hour = state.log.sealed_hour_ms.map_or(next, |sealed| sealed + HOUR_MS);
            while state.phase == Phase::Serving && hour < this_hour {
                self.seal(shard, &mut state, hour);
                hour += HOUR_MS;
            }
        }
        self.expire(shard, now + 1).await
    }

    fn seal(&self, shard: &Shard, state: &mut ShardState, hour_start_ms: i64) {
        let now = state.advance(self.wall.look());
        let fact = ShardFact::HourSealed(HourSealed { hour_start_ms });
        state.commit_fact(&self.config, now, Vec::new(), Some(fact));
        self.wrote(shard, state);
    }
}
