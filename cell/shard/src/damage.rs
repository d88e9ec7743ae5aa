//! Damage in the store: the trouble of what it is under, and of nothing that was asked for together with that.
//!
//! The store refuses a call whole where it finds damage under one of the things that the call is about. What was asked
//! for together is then asked for one by one. An answer that names damage is told apart from other errors
//! ([`or_damage`]): they say nothing of what was asked for.
//!
//! Asking one by one has two forms. [`each_alone`] is for what is asked about shards: each has an outcome of its own,
//! whatever error that is. Within a shard [`or_damage`] stands around the call for all and around the call for each:
//! any error but damage ends the work, as none of the other calls would fare better. So `load::Reads::each` reads, and
//! so does `load::stored`, which asks for half as many each time: a load answers only as much as there is room for. So
//! write, with calls for each that are made up anew, `checkpoint::slices` (entities as they are by then),
//! `deletion::rows` (which notes those whose rows stay, up to a limit) and `projection::outbox` (new rows together
//! first, then row by row what goes).

use crate::error::ShardError;
use cell_store::{Append, ShardId, StoreError};

/// An error that may say that stored bytes are damaged.
pub(crate) trait MayBeDamage: Sized {
    /// What the store said of the damage; the error itself where it is another one.
    fn damage(self) -> Result<String, Self>;
}

impl MayBeDamage for StoreError {
    fn damage(self) -> Result<String, Self> {
        match self {
            Self::Corrupt(why) => Ok(why),
            other => Err(other),
        }
    }
}

impl MayBeDamage for ShardError {
    fn damage(self) -> Result<String, Self> {
        match self {
            Self::Store(error) => error.damage().map_err(Self::Store),
            other => Err(other),
        }
    }
}

/// What came of a call, or what the store said of damage under it. Other errors are the caller's to hand on: they say
/// nothing of what the call was about.
pub(crate) fn or_damage<T, E: MayBeDamage>(outcome: Result<T, E>) -> Result<Result<T, String>, E> {
    match outcome {
        Ok(done) => Ok(Ok(done)),
        Err(error) => error.damage().map(Err),
    }
}

/// What the store is asked about a shard.
pub(crate) trait OfShard {
    fn shard(&self) -> ShardId;
}

impl OfShard for ShardId {
    fn shard(&self) -> ShardId {
        *self
    }
}

impl OfShard for Append {
    fn shard(&self) -> ShardId {
        self.shard
    }
}

/// Asks about all shards together; where the store calls that corrupt, about each alone. `told` is called once for
/// each, in order, with what came of it: its answer, damage (also where the store left it out), or another error, which
/// may be that of all. Where each is asked about alone, `told` is called before the next one is asked about.
pub(crate) async fn each_alone<'a, K: OfShard, V, Asking>(
    all: &'a [K],
    ask: impl Fn(&'a [K]) -> Asking,
    told: impl FnMut(&'a K, Result<V, StoreError>),
) where
    Asking: Future<Output = Result<Vec<V>, StoreError>>,
{
    each_alone_where(|error| matches!(error, StoreError::Corrupt(_)), all, ask, told).await;
}

/// As [`each_alone`], where what was asked about all met any such error: that of one may look like that of all, as it
/// does where a call waits for what somebody holds of one shard, or takes longer than it may for all together.
pub(crate) async fn each_alone_where<'a, K: OfShard, V, Asking>(
    is_of_one: impl Fn(&StoreError) -> bool,
    all: &'a [K],
    ask: impl Fn(&'a [K]) -> Asking,
    mut told: impl FnMut(&'a K, Result<V, StoreError>),
) where
    Asking: Future<Output = Result<Vec<V>, StoreError>>,
{
    let nothing = |one: &K| StoreError::Corrupt(format!("nothing is known of shard {}", one.shard()));
    match ask(all).await {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            all.iter().for_each(|one| told(one, answers.next().ok_or_else(|| nothing(one))));
        }
        Err(error) if all.len() > 1 && is_of_one(&error) => {
            for one in all {
                let answers = ask(std::slice::from_ref(one)).await;
                told(one, answers.and_then(|mut answers| answers.pop().ok_or_else(|| nothing(one))));
            }
        }
        Err(error) => all.iter().for_each(|one| told(one, Err(error.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Asks about these shards a store in which 2 is damaged, that is away for 9, and that leaves out what comes from 7
    /// on; what came of each, and what was asked.
    async fn ask(wanted: &[u32]) -> (Vec<(u32, Result<u32, StoreError>)>, Vec<Vec<u32>>) {
        let (asked, mut told) = (RefCell::new(Vec::new()), Vec::new());
        let wanted: Vec<ShardId> = wanted.iter().copied().map(ShardId).collect();
        let asking = |some: &[ShardId]| {
            let some: Vec<u32> = some.iter().map(|id| id.0).collect();
            let answer = match some.as_slice() {
                some if some.contains(&2) => Err(StoreError::Corrupt("2".into())),
                some if some.contains(&9) => Err(StoreError::Unavailable("9".into())),
                some => Ok(some.iter().take_while(|n| **n != 7).map(|n| 10 * n).collect::<Vec<u32>>()),
            };
            asked.borrow_mut().push(some);
            async move { answer }
        };
        each_alone(&wanted, asking, |one, answer| told.push((one.0, answer))).await;
        (told, asked.into_inner())
    }

    #[tokio::test]
    async fn what_is_damaged_keeps_nothing_from_what_was_asked_for_with_it() {
        let (told, asked) = ask(&[1, 2, 9, 3]).await;
        assert!(matches!(
            told.as_slice(),
            [
                (1, Ok(10)),
                (2, Err(StoreError::Corrupt(_))),
                (9, Err(StoreError::Unavailable(_))),
                (3, Ok(30))
            ]
        ));
        assert_eq!(asked, [vec![1, 2, 9, 3], vec![1], vec![2], vec![9], vec![3]]);
    }

    #[tokio::test]
    async fn nothing_is_asked_for_twice_where_that_would_find_nothing_out() {
        let (told, asked) = ask(&[1, 3]).await;
        assert!(matches!(told.as_slice(), [(1, Ok(10)), (3, Ok(30))]));
        assert_eq!(asked.len(), 1);
        let (told, asked) = ask(&[2]).await;
        assert!(matches!(told.as_slice(), [(2, Err(StoreError::Corrupt(_)))]));
        assert_eq!(asked.len(), 1);
        let (told, asked) = ask(&[1, 9]).await;
        assert!(matches!(
            told.as_slice(),
            [(1, Err(StoreError::Unavailable(_))), (9, Err(StoreError::Unavailable(_)))]
        ));
        assert_eq!(asked.len(), 1);
    }

    #[tokio::test]
    async fn a_shard_that_the_store_leaves_out_of_its_answer_is_told_of_by_name() {
        for (wanted, calls) in [(&[1, 3, 7, 4][..], 1), (&[7][..], 1), (&[2, 7][..], 3)] {
            let (told, asked) = ask(wanted).await;
            let names: Vec<u32> = told.iter().map(|(one, _)| *one).collect();
            assert_eq!((names.as_slice(), asked.len()), (wanted, calls));
            for (one, answer) in told {
                match answer {
                    Ok(answer) => assert!(matches!((one, answer), (1, 10) | (3, 30))),
                    Err(StoreError::Corrupt(why)) if one == 2 => assert_eq!(why, "2"),
                    Err(StoreError::Corrupt(why)) => {
                        assert_eq!(why, format!("nothing is known of shard {one}"))
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    #[test]
    fn damage_is_told_apart_from_what_says_nothing_of_it() {
        let corrupt = || StoreError::Corrupt("a page".into());
        assert_eq!(
            or_damage::<(), _>(Err(ShardError::from(corrupt()))).expect("damage"),
            Err("a page".into())
        );
        assert_eq!(or_damage::<(), _>(Err(corrupt())).expect("damage"), Err("a page".into()));
        assert_eq!(or_damage::<_, ShardError>(Ok(7)).expect("done"), Ok(7));
        let away = or_damage::<(), _>(Err(ShardError::Store(StoreError::Unavailable("away".into()))));
        assert!(matches!(away, Err(ShardError::Store(StoreError::Unavailable(_)))));
        assert!(matches!(or_damage::<(), _>(Err(ShardError::NoMemory)), Err(ShardError::NoMemory)));
    }
}
