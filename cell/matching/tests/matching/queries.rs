//! Query dispatch: to a poll that is there, answered or ended cleanly, never kept.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use cell_matching::{Matching, MatchingConfig, PollOutcome, QueryError, QueryGone, QueryLease, TaskQueueKey};
use tokio::time::{Instant, advance};
use uuid::Uuid;

use crate::support::{NAMESPACE, begin, matching, normal, park, query, step, take, task};

const LONG: Duration = Duration::from_secs(30);

type Dispatch = Pin<Box<dyn Future<Output = Result<Bytes, QueryError>> + Send>>;

fn dispatch(matching: &Matching, key: &TaskQueueKey, id: u128) -> Dispatch {
    let mut dispatch: Dispatch = Box::pin(matching.dispatch_query(key, query(id), LONG));
    assert!(step(&mut dispatch).is_none());
    dispatch
}

fn query_lease(outcome: PollOutcome) -> QueryLease {
    match outcome {
        PollOutcome::Query(lease) => lease,
        other => panic!("expected a query, got {other:?}"),
    }
}

fn take_query(matching: &Matching) -> QueryLease {
    query_lease(begin(matching, &normal()).unwrap_or_else(|_| panic!("no query waits")))
}

fn answer(matching: &Matching, id: u128) -> Result<(), QueryGone> {
    matching.complete_query(NAMESPACE, Uuid::from_u128(id), "fine".into())
}

#[tokio::test(start_paused = true)]
async fn a_parked_poll_gets_the_query_and_answers_once() {
    let matching = matching();
    let mut poll = park(&matching, &normal());
    let asked = dispatch(&matching, &normal(), 1);
    let lease = query_lease(step(&mut poll).expect("woken"));
    assert_eq!(lease.query(), &query(1));
    assert_eq!(lease.accept(), query(1));
    assert_eq!(matching.complete_query(Uuid::nil(), Uuid::from_u128(1), "forged".into()), Err(QueryGone));
    assert_eq!(answer(&matching, 1), Ok(()));
    assert_eq!(answer(&matching, 1), Err(QueryGone));
    assert_eq!(asked.await, Ok("fine".into()));
    assert_eq!(answer(&matching, 1), Err(QueryGone));
}

#[tokio::test(start_paused = true)]
async fn a_query_goes_before_the_backlog() {
    let matching = matching();
    matching.offer(&normal(), task(1));
    let asked = dispatch(&matching, &normal(), 1);
    take_query(&matching).accept();
    take(&matching, &normal()).accept();
    answer(&matching, 1).expect("waited for");
    assert!(asked.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_goes_away_leaves_the_query_to_the_next() {
    let matching = matching();
    let unnoticed = park(&matching, &normal());
    let asked = dispatch(&matching, &normal(), 1);
    drop(unnoticed);
    let held = take_query(&matching);
    let mut next = park(&matching, &normal());
    held.give_back();
    query_lease(step(&mut next).expect("handed on")).accept();
    answer(&matching, 1).expect("waited for");
    assert!(asked.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_query_is_gone_everywhere() {
    let matching = matching();
    drop(dispatch(&matching, &normal(), 1));
    drop(park(&matching, &normal()));

    let asked = dispatch(&matching, &normal(), 2);
    let held = take_query(&matching);
    drop(asked);
    held.give_back();
    drop(park(&matching, &normal()));
    assert_eq!(answer(&matching, 2), Err(QueryGone));
}

#[tokio::test(start_paused = true)]
async fn without_a_worker_the_query_waits_and_then_says_so() {
    let matching = matching();
    let begun = Instant::now();
    assert_eq!(matching.dispatch_query(&normal(), query(1), LONG).await, Err(QueryError::NoPoller));
    assert_eq!(begun.elapsed(), LONG);

    let asked = dispatch(&matching, &normal(), 2);
    advance(Duration::from_secs(5)).await;
    take_query(&matching).accept();
    answer(&matching, 2).expect("a worker that came late still answers");
    assert!(asked.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_answer_is_a_timeout() {
    let matching = matching();
    let asked = dispatch(&matching, &normal(), 1);
    advance(Duration::from_secs(15)).await;
    take_query(&matching).accept();
    assert_eq!(asked.await, Err(QueryError::Timeout));
    assert_eq!(answer(&matching, 1), Err(QueryGone));
}

#[tokio::test(start_paused = true)]
async fn limits_and_ids() {
    let matching = Matching::new(MatchingConfig { query_limit: 1, ..MatchingConfig::default() });
    let first = dispatch(&matching, &normal(), 1);
    assert_eq!(matching.dispatch_query(&normal(), query(1), LONG).await, Err(QueryError::DuplicateId));
    assert_eq!(matching.dispatch_query(&normal(), query(2), LONG).await, Err(QueryError::TooMany));
    take_query(&matching).accept();
    // The refused duplicate did not take the first one's place away.
    answer(&matching, 1).expect("still waited for");
    assert!(first.await.is_ok());
    drop(dispatch(&matching, &normal(), 2));
}

#[tokio::test(start_paused = true)]
async fn giving_the_partition_up_fails_its_queries() {
    let matching = matching();
    let waiting = dispatch(&matching, &normal(), 1);
    let leased = dispatch(&matching, &normal(), 2);
    take_query(&matching).accept();
    let held = take_query(&matching);
    matching.give_up(&normal());
    held.give_back();
    assert_eq!(leased.await, Err(QueryError::Moved));
    answer(&matching, 1).expect("a worker has it, and its answer still counts");
    assert!(waiting.await.is_ok());

    let waiting = dispatch(&matching, &normal(), 3);
    matching.give_up(&normal());
    assert_eq!(waiting.await, Err(QueryError::Moved));
    drop(park(&matching, &normal()));
}
