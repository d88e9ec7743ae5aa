//! Damage in the store: the trouble of what it is under, and of nothing that was asked for together with that.
//!
//! The store refuses a call whole where it finds damage under one of the things that the call is about. So what was
//! asked for together is asked for one by one then ([`each_alone`]), and what the store said of the one that is damaged
//! is told apart from errors that say nothing of it ([`or_damage`]).

use crate::error::ShardError;
use cell_store::StoreError;

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

/// Asks for all together; where the store calls that corrupt, for each alone. `told` is called with what came of each,
/// in order, before the next one is asked for: damage, or another error that all have in common, is an answer, too.
pub(crate) async fn each_alone<'a, K, V, Asking>(
    all: &'a [K],
    ask: impl Fn(&'a [K]) -> Asking,
    mut told: impl FnMut(&'a K, Result<V, StoreError>),
) where
    Asking: Future<Output = Result<Vec<V>, StoreError>>,
{
    match ask(all).await {
        Ok(answers) => all.iter().zip(answers).for_each(|(one, answer)| told(one, Ok(answer))),
        Err(StoreError::Corrupt(_)) if all.len() > 1 => {
            let nothing = || StoreError::Corrupt("nothing was answered".to_owned());
            for one in all {
                let answers = ask(std::slice::from_ref(one)).await;
                told(one, answers.and_then(|mut answers| answers.pop().ok_or_else(nothing)));
            }
        }
        Err(error) => all.iter().for_each(|one| told(one, Err(error.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Asks for these of a store in which 2 is damaged and that is away for 9; what came of each, and what was asked.
    async fn ask(wanted: &[u32]) -> (Vec<(u32, Result<u32, StoreError>)>, Vec<Vec<u32>>) {
        let (asked, mut told) = (RefCell::new(Vec::new()), Vec::new());
        let asking = |some: &[u32]| {
            asked.borrow_mut().push(some.to_vec());
            let answer = match some {
                some if some.contains(&2) => Err(StoreError::Corrupt("2".into())),
                some if some.contains(&9) => Err(StoreError::Unavailable("9".into())),
                some => Ok(some.iter().map(|n| 10 * n).collect::<Vec<u32>>()),
            };
            async move { answer }
        };
        each_alone(wanted, asking, |one, answer| told.push((*one, answer))).await;
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
