//! Turns before connections: who has to wait for another call of this process waits without a connection.
//!
//! Calls that name one lock run one after the other in any case. Were each to wait for it in the database, on a
//! connection of its own, one account's calls would have all that there are, and every other account would wait with
//! them. Of one account so many may wait; more are refused at once, and tried again by whoever made them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_postgres::Refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::failed;
use crate::store::{Lock, StoreError};

/// Calls of one account that have its turn or wait for it.
const OF_ACCOUNT: usize = 64;

/// Who has its turn, and who waits for one, by name. Whoever came first goes first. There are as many names as calls
/// that run or wait, two for each at most.
#[derive(Default)]
pub(super) struct Turns(Arc<Names>);

#[derive(Default)]
struct Names(Mutex<HashMap<String, Arc<Semaphore>>>);

impl Names {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Semaphore>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turns that a transaction has, until it is dropped.
pub(super) struct Turn {
    turns: Arc<Names>,
    held: Vec<Held>,
}

struct Held {
    name: String,
    /// None while it is waited for.
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Waits for the turns of a lock, for as long as `longest`. Refuses where as many as may wait.
    pub(super) async fn enter(&self, lock: Lock<'_>, longest: Duration) -> Result<Turn, StoreError> {
        let mut turn = Turn { turns: Arc::clone(&self.0), held: Vec::new() };
        let entered = async {
            // In the order of locks, so that no two wait for each other.
            for name in names(lock) {
                let semaphore = {
                    let mut turns = self.0.lock();
                    let made = turns.entry(name.clone()).or_insert_with(|| Arc::new(Semaphore::new(1)));
                    // Who waits or holds has a share, beside that of the table.
                    if name.starts_with(ACCOUNT) && Arc::strong_count(made) > OF_ACCOUNT {
                        return Err(StoreError::Crowded(format!(
                            "{OF_ACCOUNT} calls of the account wait for one another: try again later"
                        )));
                    }
                    Arc::clone(made)
                };
                turn.held.push(Held { name, permit: None });
                let permit = semaphore.acquire_owned().await.map_err(|_| failed(&Refusal::Closed))?;
                if let Some(last) = turn.held.last_mut() {
                    last.permit = Some(permit);
                }
            }
            Ok(())
        };
        tokio::time::timeout(longest, entered).await.map_err(|_| failed(&Refusal::Busy))??;
        Ok(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        for Held { name, permit } in self.held.drain(..) {
            drop(permit);
            // Nobody else has it: who waits or holds has a share, and who comes is kept out by the lock.
            if turns.get(&name).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
                turns.remove(&name);
            }
        }
    }
}

/// What names of accounts' turns begin with.
const ACCOUNT: &str = "account/";

/// The rows that a lock locks, as [`take`](super::take) does.
fn names(lock: Lock<'_>) -> Vec<String> {
    let (cells, account) = (|| "cells".to_owned(), |id: &str| format!("{ACCOUNT}{id}"));
    match lock {
        Lock::Accounts => vec!["accounts".to_owned()],
        Lock::Account(id) => vec![account(id)],
        Lock::Placement(account_id) => vec![account(account_id), cells()],
        Lock::Cells => vec![cells()],
        Lock::Cell(id) => vec![format!("cell/{id}")],
        Lock::KeySet => vec!["key_set".to_owned()],
        Lock::Nothing => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const LONG: Duration = Duration::from_secs(120);

    #[tokio::test]
    async fn one_has_its_turn_and_who_came_first_is_next() {
        let turns = Turns::default();
        let first = turns.enter(Lock::Account("a"), LONG).await.unwrap();
        let mut second = Box::pin(turns.enter(Lock::Placement("a"), LONG));
        let mut third = Box::pin(turns.enter(Lock::Account("a"), LONG));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        turns.enter(Lock::Account("b"), LONG).await.unwrap();
        turns.enter(Lock::Cells, LONG).await.unwrap();
        drop(first);
        assert!((&mut third).now_or_never().is_none(), "the second came before it");
        let second = second.await.unwrap();
        let refused = turns.enter(Lock::Cells, Duration::from_millis(10)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "a placement has the cells, too");
        drop(second);
        drop(third.await.unwrap());
        assert!(turns.0.lock().is_empty(), "nothing is kept of who has gone");
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_nothing_behind() {
        let turns = Turns::default();
        let first = turns.enter(Lock::KeySet, LONG).await.unwrap();
        assert!(turns.enter(Lock::KeySet, LONG).now_or_never().is_none());
        drop(first);
        assert!(turns.0.lock().is_empty());
    }

    #[tokio::test]
    async fn of_one_account_so_many_wait_and_others_are_not_refused_for_it() {
        let turns = Turns::default();
        let first = turns.enter(Lock::Account("a"), LONG).await.unwrap();
        let mut waiting: Vec<_> =
            (1..OF_ACCOUNT).map(|_| Box::pin(turns.enter(Lock::Account("a"), LONG))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        for lock in [Lock::Account("a"), Lock::Placement("a")] {
            let refused = turns.enter(lock, LONG).now_or_never().expect("at once");
            assert!(matches!(refused, Err(StoreError::Crowded(_))), "{lock:?}");
        }
        for lock in [Lock::Account("b"), Lock::Cells, Lock::Nothing] {
            turns.enter(lock, LONG).now_or_never().expect("at once").unwrap();
        }
        drop(waiting.pop());
        assert!(turns.enter(Lock::Account("a"), LONG).now_or_never().is_none(), "there is room again");
        drop(first);
        waiting.remove(0).await.unwrap();
    }
}
