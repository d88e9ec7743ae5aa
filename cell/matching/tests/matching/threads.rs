//! Offers and polls on several threads at once, in real time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cell_matching::{Matching, Offer, PollOutcome, Poller};
use parking_lot::Mutex;

use crate::support::{matching, normal, task};

const TASKS: i64 = 4_000;
const POLLERS: usize = 16;

/// Polls until all tasks are accepted; goes away now and then, gives back now and then.
async fn worker(
    matching: Arc<Matching>,
    number: usize,
    accepted: Arc<Mutex<Vec<i64>>>,
    left: Arc<AtomicUsize>,
) {
    let mut turn = number;
    while left.load(Ordering::Acquire) > 0 {
        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let patience = Duration::from_micros((turn >> 33) as u64 % 300);
        let poll = matching.poll(&normal(), Poller::new("w"));
        let Ok(PollOutcome::Task(lease)) = tokio::time::timeout(patience, poll).await else { continue };
        if (turn >> 45).is_multiple_of(4) {
            lease.give_back();
            continue;
        }
        accepted.lock().push(lease.accept().scheduled_event_id);
        left.fetch_sub(1, Ordering::AcqRel);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_task_is_accepted_exactly_once() {
    let matching = matching();
    let accepted = Arc::new(Mutex::new(Vec::new()));
    let left = Arc::new(AtomicUsize::new(TASKS as usize));
    let workers: Vec<_> = (0..POLLERS)
        .map(|number| tokio::spawn(worker(matching.clone(), number, accepted.clone(), left.clone())))
        .collect();
    let offering = matching.clone();
    let offerer = tokio::spawn(async move {
        for event in 1..=TASKS {
            let taken_in = matches!(offering.offer(&normal(), task(event)), Offer::Matched | Offer::Queued);
            assert!(taken_in, "the backlog has room for all of them");
            if event % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    tokio::time::timeout(Duration::from_secs(60), async {
        offerer.await.expect("offers");
        for worker in workers {
            worker.await.expect("works");
        }
    })
    .await
    .expect("no task is lost");
    let mut accepted = std::mem::take(&mut *accepted.lock());
    accepted.sort_unstable();
    assert_eq!(accepted, (1..=TASKS).collect::<Vec<_>>());
}
