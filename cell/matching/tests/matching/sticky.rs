//! Sticky queues fall back when their worker is not there.

use std::time::Duration;

use cell_matching::{Offer, PollOutcome, Poller, QueryError};
use tokio::time::advance;

use crate::support::{NAMESPACE, matching, park, query, step, sticky, take, task};

#[tokio::test(start_paused = true)]
async fn without_a_worker_the_task_is_refused() {
    let matching = matching();
    assert_eq!(matching.offer(&sticky(), task(1)), Offer::StickyWorkerUnavailable(task(1)));
    assert!(matching.loaded().is_empty());
    let answer = matching.dispatch_query(&sticky(), query(1), Duration::from_secs(5));
    assert_eq!(answer.await, Err(QueryError::NoPoller));
}

#[tokio::test(start_paused = true)]
async fn a_worker_seen_in_the_window_gets_a_backlog() {
    let matching = matching();
    drop(park(&matching, &sticky()));
    advance(Duration::from_millis(9_999)).await;
    assert_eq!(matching.offer(&sticky(), task(1)), Offer::Queued);
    advance(Duration::from_millis(1)).await;
    assert_eq!(matching.offer(&sticky(), task(2)), Offer::StickyWorkerUnavailable(task(2)));
    let answer = matching.dispatch_query(&sticky(), query(1), Duration::from_secs(5));
    assert_eq!(answer.await, Err(QueryError::NoPoller));
    assert_eq!(take(&matching, &sticky()).accept(), task(1));
}

#[tokio::test(start_paused = true)]
async fn a_long_parked_poll_counts_as_present() {
    let matching = matching();
    let poll = park(&matching, &sticky());
    advance(Duration::from_secs(50)).await;
    assert_eq!(matching.offer(&sticky(), task(1)), Offer::Matched);
    drop(poll);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_timed_out_was_seen_and_one_that_disconnected_was_not() {
    let matching = matching();
    assert!(matches!(matching.poll(&sticky(), Poller::new("w")).await, PollOutcome::Empty));
    assert_eq!(matching.offer(&sticky(), task(1)), Offer::Queued);
    take(&matching, &sticky()).accept();

    let disconnected = park(&matching, &sticky());
    advance(Duration::from_secs(30)).await;
    drop(disconnected);
    assert_eq!(matching.offer(&sticky(), task(2)), Offer::StickyWorkerUnavailable(task(2)));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_shuts_down_is_gone_at_once() {
    let matching = matching();
    let poller = Poller { instance_key: Some("one".into()), ..Poller::new("worker-1") };
    let mut poll = Box::pin(matching.poll(&sticky(), poller));
    assert!(step(&mut poll).is_none());
    assert_eq!(matching.end_worker_polls(NAMESPACE, &"one".into()), 1);
    assert!(matches!(poll.await, PollOutcome::ShutDown));
    assert_eq!(matching.offer(&sticky(), task(1)), Offer::StickyWorkerUnavailable(task(1)));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_worker_that_never_came_back_is_not_kept_for_ever() {
    let matching = matching();
    drop(park(&matching, &sticky()));
    assert_eq!(matching.offer(&sticky(), task(1)), Offer::Queued);
    advance(Duration::from_secs(299)).await;
    matching.sweep(0);
    assert_eq!(matching.loaded(), [sticky()]);
    // Its run's deadline has long moved the task to the normal queue.
    advance(Duration::from_secs(1)).await;
    matching.sweep(0);
    assert!(matching.loaded().is_empty());
    assert_eq!(matching.offer(&sticky(), task(2)), Offer::StickyWorkerUnavailable(task(2)));
}
