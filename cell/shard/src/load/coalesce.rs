//! Many small reads, one call at a time.

use futures::FutureExt;
use parking_lot::Mutex;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::oneshot;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Fetch<K, V> = dyn Fn(Arc<[K]>) -> BoxFuture<Result<Vec<V>, String>> + Send + Sync;
type Waiters<V> = Vec<oneshot::Sender<Result<V, String>>>;

/// Collects requests while one fetch is in flight and serves them with the next: one call a tick, however many callers,
/// for as many keys as may be fetched at once. Requests for one key share a slot. What a fetch leaves unanswered is
/// first of the next one.
pub(crate) struct Coalescer<K, V> {
    state: Mutex<State<K, V>>,
    fetch: Box<Fetch<K, V>>,
    /// Keys that one fetch is for at most.
    most: Box<dyn Fn() -> usize + Send + Sync>,
}

struct State<K, V> {
    waiting: BTreeMap<K, Waiters<V>>,
    /// Keys that wait, in the order in which they came.
    order: VecDeque<K>,
    running: bool,
}

impl<K, V> Coalescer<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    /// `fetch` answers one value a key, in order, of as many from the first on as it likes, at least one; it is asked
    /// for as many keys at once as `most` says.
    pub(crate) fn new<F, Fut>(most: impl Fn() -> usize + Send + Sync + 'static, fetch: F) -> Arc<Self>
    where
        F: Fn(Arc<[K]>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<V>, String>> + Send + 'static,
    {
        Arc::new(Self {
            state: Mutex::new(State { waiting: BTreeMap::new(), order: VecDeque::new(), running: false }),
            fetch: Box::new(move |keys| Box::pin(fetch(keys))),
            most: Box::new(most),
        })
    }

    /// The value of `key`, as of some moment after this call.
    pub(crate) async fn get(self: &Arc<Self>, key: K) -> Result<V, String> {
        let (sender, receiver) = oneshot::channel();
        let start = {
            let mut state = self.state.lock();
            let State { waiting, order, running } = &mut *state;
            match waiting.entry(key) {
                Entry::Occupied(known) => known.into_mut().push(sender),
                Entry::Vacant(new) => {
                    order.push_back(new.key().clone());
                    new.insert(vec![sender]);
                }
            }
            !std::mem::replace(running, true)
        };
        if start {
            tokio::spawn(Arc::clone(self).run());
        }
        receiver.await.unwrap_or_else(|_| Err("the fetch was abandoned".into()))
    }

    async fn run(self: Arc<Self>) {
        loop {
            let batch: Vec<(K, Waiters<V>)> = {
                let most = (self.most)().max(1);
                let mut state = self.state.lock();
                let State { waiting, order, running } = &mut *state;
                if order.is_empty() {
                    *running = false;
                    return;
                }
                let first = order.drain(..most.min(order.len()));
                first.filter_map(|key| waiting.remove_entry(&key)).collect()
            };
            let (keys, mut waiters): (Vec<K>, Vec<Waiters<V>>) = batch.into_iter().unzip();
            let keys: Arc<[K]> = keys.into();
            // A panic must not end this task: nobody would serve those who ask later.
            let fetched = AssertUnwindSafe((self.fetch)(Arc::clone(&keys))).catch_unwind().await;
            match fetched.unwrap_or_else(|_| Err("the store panicked".into())) {
                Ok(values) if !values.is_empty() => {
                    let left = waiters.split_off(values.len().min(keys.len()));
                    self.put_back(&keys[waiters.len()..], left);
                    for (value, waiters) in values.into_iter().zip(waiters) {
                        answer(waiters, &Ok(value));
                    }
                }
                Ok(_) => fail(waiters, "the store answered nothing"),
                Err(error) => fail(waiters, &error),
            }
            // Those who were served take in what they got before more comes.
            tokio::task::yield_now().await;
        }
    }

    /// Has these keys wait before all others.
    fn put_back(&self, keys: &[K], of_keys: Vec<Waiters<V>>) {
        let mut state = self.state.lock();
        let State { waiting, order, .. } = &mut *state;
        let asked_again: BTreeSet<&K> = keys.iter().filter(|key| waiting.contains_key(key)).collect();
        if !asked_again.is_empty() {
            order.retain(|key| !asked_again.contains(key));
        }
        for (key, mut waiters) in keys.iter().zip(of_keys).rev() {
            order.push_front(key.clone());
            waiters.extend(waiting.remove(key).unwrap_or_default());
            waiting.insert(key.clone(), waiters);
        }
    }
}

fn fail<V: Clone>(of_keys: Vec<Waiters<V>>, error: &str) {
    for waiters in of_keys {
        answer(waiters, &Err(error.to_owned()));
    }
}

fn answer<V: Clone>(waiters: Waiters<V>, value: &Result<V, String>) {
    for waiter in waiters {
        // A caller that went away does not want it any more.
        let _ = waiter.send(value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn callers_share_calls_and_keys() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let coalescer = Coalescer::new(
            || usize::MAX,
            move |keys: Arc<[u32]>| {
                counted.fetch_add(1, Ordering::Relaxed);
                async move { Ok(keys.iter().map(|k| k * 2).collect()) }
            },
        );
        let got = futures::future::join_all((0..100).map(|i| coalescer.get(i % 10))).await;
        assert!(got.iter().enumerate().all(|(i, v)| *v == Ok((i as u32 % 10) * 2)));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn one_call_is_for_no_more_keys_than_may_be() {
        let most = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&most);
        let coalescer = Coalescer::new(
            || 8,
            move |keys: Arc<[u32]>| {
                counted.fetch_max(keys.len(), Ordering::Relaxed);
                async move { Ok(keys.to_vec()) }
            },
        );
        let got = futures::future::join_all((0..100).map(|i| coalescer.get(i))).await;
        assert!(got.iter().enumerate().all(|(i, v)| *v == Ok(i as u32)));
        assert_eq!(most.load(Ordering::Relaxed), 8);
    }

    #[tokio::test]
    async fn what_a_call_leaves_unanswered_comes_first_in_the_next_one() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let coalescer = Coalescer::new(
            || 4,
            move |keys: Arc<[u32]>| {
                noted.lock().push(keys.to_vec());
                async move { Ok(keys.iter().take(3).copied().collect()) }
            },
        );
        // What is asked for twice has one place in line.
        let wanted = (0..10).chain([3, 9]);
        let got = futures::future::join_all(wanted.clone().map(|i| coalescer.get(i))).await;
        assert!(got.into_iter().eq(wanted.map(Ok)));
        assert_eq!(*asked.lock(), [vec![0, 1, 2, 3], vec![3, 4, 5, 6], vec![6, 7, 8, 9], vec![9]]);
    }

    #[tokio::test]
    async fn what_is_asked_for_again_meanwhile_keeps_its_place_before_others() {
        let (left, mut seen) = (Arc::new(Mutex::new(None)), tokio::sync::mpsc::channel(1));
        let coalescer = {
            let (left, seen) = (Arc::clone(&left), seen.0.clone());
            Coalescer::new(
                || usize::MAX,
                move |keys: Arc<[u32]>| {
                    let (go, gone) = oneshot::channel::<()>();
                    *left.lock() = Some(go);
                    seen.try_send(keys.to_vec()).expect("the test has seen the one before");
                    async move {
                        gone.await.expect("the test goes on");
                        Ok(vec![keys[0]])
                    }
                },
            )
        };
        let go_on = || left.lock().take().expect("a call").send(()).expect("it waits");
        let wanted = [1, 2].map(|key| {
            tokio::spawn({
                let coalescer = Arc::clone(&coalescer);
                async move { coalescer.get(key).await }
            })
        });
        assert_eq!(seen.1.recv().await, Some(vec![1, 2]));
        let again = [3, 2].map(|key| {
            tokio::spawn({
                let coalescer = Arc::clone(&coalescer);
                async move { coalescer.get(key).await }
            })
        });
        while coalescer.state.lock().order.len() < 2 {
            tokio::task::yield_now().await;
        }
        for rest in [&[2, 3][..], &[3]] {
            go_on();
            assert_eq!(seen.1.recv().await.as_deref(), Some(rest));
        }
        go_on();
        for (task, key) in wanted.into_iter().chain(again).zip([1, 2, 3, 2]) {
            assert_eq!(task.await.expect("no panic"), Ok(key));
        }
    }

    #[tokio::test]
    async fn a_call_that_answers_nothing_fails_its_callers() {
        let coalescer = Coalescer::new(|| usize::MAX, |_: Arc<[u32]>| async { Ok(Vec::<u32>::new()) });
        let next = tokio::time::timeout(std::time::Duration::from_secs(60), coalescer.get(1));
        assert!(next.await.expect("not hung").is_err());
    }

    #[tokio::test]
    async fn an_error_reaches_every_caller_and_the_next_call_is_fresh() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let coalescer = Coalescer::new(
            || usize::MAX,
            move |keys: Arc<[u32]>| {
                let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
                async move { if first { Err("away".to_owned()) } else { Ok(keys.to_vec()) } }
            },
        );
        let (a, b) = tokio::join!(coalescer.get(1), coalescer.get(2));
        assert_eq!((a, b), (Err("away".into()), Err("away".into())));
        assert_eq!(coalescer.get(1).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_panics_fails_its_callers_and_no_others() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let coalescer = Coalescer::new(
            || usize::MAX,
            move |keys: Arc<[u32]>| {
                let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
                async move {
                    assert!(!first, "a mistake in a store");
                    Ok(keys.to_vec())
                }
            },
        );
        assert!(coalescer.get(1).await.is_err());
        let next = tokio::time::timeout(std::time::Duration::from_secs(60), coalescer.get(2));
        assert_eq!(next.await.expect("not hung"), Ok(2));
    }
}
