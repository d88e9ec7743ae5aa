//! Offers and polls of normal queues.

use std::{future::Future, time::Duration};

use cell_matching::{
    Matching, MatchingConfig, Offer, PollOutcome, Poller, QueryError, TaskQueueKey, TaskRef, TaskType,
};
use tokio::time::{Instant, advance};
use uuid::Uuid;

use crate::support::{begin, deadline_in, lease, matching, normal, park, query, step, sticky, take, task};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_parked_poll_gets_the_task_at_once() {
    let matching = matching();
    let mut poll = park(&matching, &normal());
    assert_eq!(matching.offer(&normal(), task(1)), Offer::Matched);
    let lease = lease(step(&mut poll).expect("woken"));
    assert_eq!(lease.key(), &normal());
    assert_eq!(lease.accept(), task(1));
    assert_eq!(matching.offer(&normal(), task(2)), Offer::Queued);
}

#[tokio::test(start_paused = true)]
async fn polls_are_served_in_turn() {
    let matching = matching();
    let mut first = park(&matching, &normal());
    let mut second = park(&matching, &normal());
    matching.offer(&normal(), task(1));
    assert!(step(&mut second).is_none());
    assert_eq!(lease(step(&mut first).expect("served first")).accept(), task(1));
}

#[tokio::test(start_paused = true)]
async fn the_backlog_is_ordered_by_priority_and_age() {
    let matching = matching();
    for (event, priority, at) in [(1, 5, 1), (2, 3, 9), (3, 3, 4), (4, 1, 20), (5, 3, 4)] {
        let mut task = task(event);
        (task.priority, task.scheduled_at_ms) = (priority, at);
        assert_eq!(matching.offer(&normal(), task), Offer::Queued);
    }
    let stats = matching.describe(&normal(), 21).expect("loaded");
    assert_eq!((stats.backlog_count, stats.backlog_age_ms), (5, 20));
    let order: Vec<i64> = (0..5).map(|_| take(&matching, &normal()).accept().scheduled_event_id).collect();
    assert_eq!(order, [4, 3, 5, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_two_kinds_of_entities_and_the_same_ids_are_two() {
    let matching = matching();
    let other = TaskRef { entity_kind: task(1).entity_kind + 1, ..task(1) };
    for task in [&other, &task(1), &other] {
        assert_eq!(matching.offer(&normal(), task.clone()), Offer::Queued);
    }
    assert_eq!(matching.describe(&normal(), 2_000).expect("loaded").backlog_count, 2);
    let taken = [(); 2].map(|()| take(&matching, &normal()).accept());
    assert_eq!(taken, [other, task(1)]);
}

/// Singletons have no run, and number their tasks as they like.
#[tokio::test(start_paused = true)]
async fn tasks_of_two_singletons_and_the_same_number_are_two() {
    let matching = matching();
    let [one, other] = ["alarm", "bell"].map(|id| TaskRef { id: id.into(), run_id: Uuid::nil(), ..task(1) });
    for task in [&one, &other, &one] {
        assert_eq!(matching.offer(&normal(), task.clone()), Offer::Queued);
    }
    let taken = [(); 2].map(|()| take(&matching, &normal()).accept());
    assert_eq!(taken, [one, other]);
}

#[tokio::test(start_paused = true)]
async fn queues_are_apart_by_name_type_kind_and_namespace() {
    let matching = matching();
    matching.offer(&normal(), task(1));
    let mut others = vec![normal(), normal(), normal(), sticky()];
    others[0].name = "other".into();
    others[1].task_type = cell_matching::TaskType::Activity;
    others[2].namespace_id = uuid::Uuid::nil();
    others[3].name = normal().name;
    for other in others {
        drop(park(&matching, &other));
    }
    assert_eq!(take(&matching, &normal()).accept(), task(1));
}

#[tokio::test(start_paused = true)]
async fn a_poll_ends_empty_before_its_deadline() {
    let matching = matching();
    let begun = Instant::now();
    let outcome = matching.poll(&normal(), Poller::new("w")).await;
    assert!(matches!(outcome, PollOutcome::Empty));
    assert_eq!(begun.elapsed(), Duration::from_secs(60));

    let begun = Instant::now();
    let mut poller = Poller::new("w");
    poller.deadline = deadline_in(10);
    assert!(matches!(matching.poll(&normal(), poller).await, PollOutcome::Empty));
    assert_eq!(begun.elapsed(), Duration::from_secs(9));
    assert_eq!(matching.offer(&normal(), task(1)), Offer::Queued);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_within_the_margin_takes_only_what_waits() {
    let matching = matching();
    let poller = || Poller { deadline: deadline_in(1), ..Poller::new("w") };
    assert!(matches!(matching.poll(&normal(), poller()).await, PollOutcome::Empty));
    matching.offer(&normal(), task(1));
    assert_eq!(lease(matching.poll(&normal(), poller()).await).accept(), task(1));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_goes_away_gives_its_task_to_the_next() {
    let matching = matching();
    // Dropped while parked, after the match but before it noticed, and with the lease in hand.
    drop(park(&matching, &normal()));
    let matched = park(&matching, &normal());
    assert_eq!(matching.offer(&normal(), task(1)), Offer::Matched);
    matching.offer(&normal(), task(2));
    drop(matched);
    drop(take(&matching, &normal()));
    assert_eq!(take(&matching, &normal()).accept(), task(1));

    let held = take(&matching, &normal());
    let mut next = park(&matching, &normal());
    held.give_back();
    assert_eq!(lease(step(&mut next).expect("handed on")).accept(), task(2));
}

#[tokio::test(start_paused = true)]
async fn a_match_at_the_very_deadline_is_not_lost() {
    let matching = matching();
    let mut poll = park(&matching, &normal());
    advance(Duration::from_secs(61)).await;
    // The poll's time is over, but it has not run yet.
    assert_eq!(matching.offer(&normal(), task(1)), Offer::Matched);
    assert_eq!(lease(step(&mut poll).expect("has the task")).accept(), task(1));
}

#[tokio::test(start_paused = true)]
async fn a_discarded_task_is_gone() {
    let matching = matching();
    matching.offer(&normal(), task(1));
    assert_eq!(take(&matching, &normal()).discard(), task(1));
    assert!(begin(&matching, &normal()).is_err());
}

#[tokio::test(start_paused = true)]
async fn giving_a_partition_up_ends_its_polls_and_answers_its_tasks() {
    let matching = matching();
    for event in 1..=3 {
        matching.offer(&normal(), task(event));
    }
    let held = take(&matching, &normal());
    assert_eq!(matching.give_up(&normal()), [task(2), task(3)]);
    // The shard offers what is on lease to the new owner; here it is let go.
    held.give_back();
    assert!(matching.loaded().is_empty());

    let mut poll = park(&matching, &normal());
    assert!(matching.give_up(&normal()).is_empty());
    assert!(matches!(step(&mut poll), Some(PollOutcome::Moved)));
    assert!(matching.give_up(&normal()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn rates_count_what_was_kept() {
    let matching = matching();
    for event in 0..30 {
        matching.offer(&normal(), task(event));
    }
    for _ in 0..15 {
        take(&matching, &normal()).accept();
    }
    take(&matching, &normal()).give_back();
    advance(Duration::from_secs(10)).await;
    let stats = matching.describe(&normal(), 0).expect("loaded");
    assert_eq!((stats.tasks_add_rate, stats.tasks_dispatch_rate), (3.0, 1.5));
}

#[tokio::test(start_paused = true)]
async fn sweeps_unload_what_is_idle() {
    let matching = matching();
    drop(park(&matching, &normal()));
    advance(Duration::from_secs(299)).await;
    matching.sweep(5_000);
    assert_eq!(matching.loaded(), [normal()]);
    let poll = matching.poll(&normal(), Poller::new("w"));
    advance(Duration::from_secs(1)).await;
    matching.sweep(5_000);
    assert_eq!(matching.loaded(), [normal()], "a poll that has not begun still holds it");
    drop(poll);
    matching.sweep(5_000);
    assert!(matching.loaded().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_janitor_sweeps_and_ends_with_its_matching() {
    let matching = matching();
    drop(park(&matching, &normal()));
    let janitor = tokio::spawn(matching.run_janitor(|| 0));
    advance(Duration::from_secs(299)).await;
    assert_eq!(matching.loaded().len(), 1);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(matching.loaded().is_empty());
    drop(matching);
    tokio::time::timeout(Duration::from_secs(60), janitor).await.expect("the janitor ends").expect("cleanly");
}

#[tokio::test(start_paused = true)]
async fn a_parked_poll_is_small() {
    fn size<F: Future>(_: &F) -> usize {
        size_of::<F>()
    }
    let matching = matching();
    let size = size(&matching.poll(&normal(), Poller::new("w")));
    assert!(size < 640, "{size} bytes");
}

/// A namespace has so many queues in memory; what waits in others waits in the store.
#[tokio::test(start_paused = true)]
async fn a_namespace_has_a_bounded_number_of_queues() {
    let matching = Matching::new(MatchingConfig { namespace_partitions: 2, ..MatchingConfig::default() });
    let queue = |namespace: u128, name: &str| {
        TaskQueueKey::normal(Uuid::from_u128(namespace), name, TaskType::Workflow)
    };
    let (first, second, third) = (queue(1, "a"), queue(1, "b"), queue(1, "c"));
    let sticky = TaskQueueKey::sticky(first.namespace_id, "worker");
    let _parked = park(&matching, &first);
    assert_eq!(matching.offer(&second, task(1)), Offer::Queued);
    assert_eq!(matching.offer(&third, task(2)), Offer::Full(task(2)));
    for key in [&third, &sticky] {
        assert!(matches!(begin(&matching, key), Ok(PollOutcome::TooManyQueues)));
    }
    assert_eq!(matching.dispatch_query(&third, query(1), MINUTE).await, Err(QueryError::TooMany));
    assert_eq!(matching.loaded().len(), 2);
    // Those that are there go on, and another namespace has its own.
    assert_eq!(matching.offer(&first, task(3)), Offer::Matched);
    let _other = park(&matching, &queue(2, "c"));
    // One that goes makes room.
    matching.give_up(&second);
    let _third = park(&matching, &third);
}

/// Queues with long names take memory before anything waits in them. One namespace leaves others as much as it has.
#[tokio::test(start_paused = true)]
async fn queues_are_bounded_by_the_memory_that_they_take() {
    const ROOM: usize = 64 << 10;
    let matching = Matching::new(MatchingConfig { partition_bytes: ROOM, ..MatchingConfig::default() });
    let queue = |namespace: u128, n: usize| {
        let name = format!("{}{n}", "q".repeat(1_000));
        TaskQueueKey::normal(Uuid::from_u128(namespace), name, TaskType::Workflow)
    };
    let fill = |namespace: u128| {
        let before = matching.partition_bytes();
        let refused = (0..1_000).find(|n| begin(&matching, &queue(namespace, *n)).is_ok());
        (refused.expect("there is an end"), matching.partition_bytes() - before)
    };
    let (refused, first) = fill(1);
    assert!((ROOM / 3..=ROOM / 2).contains(&first), "{first} bytes");
    assert!(matches!(begin(&matching, &queue(1, refused)), Ok(PollOutcome::TooManyQueues)));
    assert_eq!(matching.offer(&queue(1, refused), task(1)), Offer::Full(task(1)));
    let (_, second) = fill(2);
    assert!((ROOM / 8..=(ROOM - first) / 2).contains(&second), "{second} bytes, half of what is left");
    // Those that are there go on, and one that goes makes room.
    assert_eq!(matching.offer(&queue(1, 0), task(2)), Offer::Queued);
    for n in 0..refused {
        matching.give_up(&queue(1, n));
    }
    assert_eq!(matching.partition_bytes(), second);
    assert_eq!(matching.offer(&queue(1, refused), task(1)), Offer::Queued);
}
