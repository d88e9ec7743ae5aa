//! Removed namespaces are emptied: what their shards hold of them goes.

use super::CellRecords;
use cell_shard::ShardRuntime;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What could not be deleted is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Empties removed namespaces, also those that were removed in an earlier life, until `stop`.
pub(crate) async fn empty_removed(
    records: Arc<CellRecords>,
    shards: Arc<ShardRuntime>,
    stop: CancellationToken,
) {
    let work = async {
        let mut tried = Tried::default();
        loop {
            let due = tried.due(records.to_empty(), Instant::now());
            for (id, generation) in empty_all(&records, &shards, &due).await {
                tried.failed(id, generation, Instant::now());
            }
            match tried.next() {
                Some(next) => _ = tokio::time::timeout_at(next, records.removed_one()).await,
                None => records.removed_one().await,
            }
        }
    };
    stop.run_until_cancelled(work).await;
}

/// Namespaces that could not be emptied, with the generations they went with, and when each was tried.
#[derive(Default)]
struct Tried(BTreeMap<Uuid, (u64, Instant)>);

impl Tried {
    /// Those that are to be tried now, of all that are to be emptied: each failure waits for its own time, whatever
    /// comes meanwhile.
    fn due(&mut self, all: Vec<(Uuid, u64)>, now: Instant) -> Vec<(Uuid, u64)> {
        self.0.retain(|id, (generation, at)| all.contains(&(*id, *generation)) && *at + TRY_AGAIN > now);
        all.into_iter().filter(|(id, _)| !self.0.contains_key(id)).collect()
    }

    fn failed(&mut self, id: Uuid, generation: u64, now: Instant) {
        self.0.insert(id, (generation, now));
    }

    /// When the first of them is to be tried again.
    fn next(&self) -> Option<Instant> {
        self.0.values().map(|(_, at)| *at + TRY_AGAIN).min()
    }
}

/// Empties these together; answers those of which something is left.
async fn empty_all(records: &CellRecords, shards: &ShardRuntime, due: &[(Uuid, u64)]) -> Vec<(Uuid, u64)> {
    if due.is_empty() {
        return Vec::new();
    }
    let ids: Vec<Uuid> = due.iter().map(|(id, _)| *id).collect();
    let mut left = Vec::new();
    for ((id, generation), emptied) in due.iter().zip(shards.empty_namespaces(&ids).await) {
        let emptied = match emptied {
            Ok(true) => records.emptied(*id, *generation).await.map_err(|error| error.to_string()),
            Ok(false) => Err("something of it cannot be deleted".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = emptied {
            tracing::warn!(namespace = %id, why, "a removed namespace is not empty yet; trying again");
            left.push((*id, *generation));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_waits_for_its_own_time_whatever_comes_meanwhile() {
        let (stuck, new, start) = ((Uuid::from_u128(1), 5), (Uuid::from_u128(2), 6), Instant::now());
        let mut tried = Tried::default();
        assert_eq!(tried.due(vec![stuck], start), [stuck]);
        tried.failed(stuck.0, stuck.1, start);
        assert_eq!(tried.next(), Some(start + TRY_AGAIN));
        let soon = start + TRY_AGAIN / 2;
        assert_eq!(tried.due(vec![stuck, new], soon), [new]);
        assert_eq!(
            tried.due(vec![(stuck.0, 7), new], soon),
            [(stuck.0, 7), new],
            "it came back and went again"
        );
        tried.failed(new.0, new.1, soon);
        tried.failed(stuck.0, stuck.1, start);
        assert_eq!(tried.due(vec![stuck, new], start + TRY_AGAIN), [stuck]);
        assert_eq!(tried.next(), Some(soon + TRY_AGAIN));
        assert_eq!(tried.due(vec![], soon), []);
        assert_eq!(tried.next(), None, "all are empty");
    }
}
