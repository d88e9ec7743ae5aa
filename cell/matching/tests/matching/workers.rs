//! Poller history, and workers that shut down.

use std::time::Duration;

use cell_matching::{Matching, MatchingConfig, PollOutcome, Poller, TaskQueueKey, TaskType};
use tokio::time::advance;
use uuid::Uuid;

use crate::support::{NAMESPACE, matching, normal, step, sticky};

fn poller(identity: &str, instance: &str) -> Poller {
    Poller { instance_key: Some(instance.into()), ..Poller::new(identity) }
}

#[tokio::test(start_paused = true)]
async fn only_the_named_workers_polls_end() {
    let matching = matching();
    let mut polls: Vec<_> = [(normal(), "a"), (sticky(), "a"), (normal(), "b")]
        .into_iter()
        .map(|(key, instance)| Box::pin(matching.poll(&key, poller("same", instance))))
        .collect();
    for poll in &mut polls {
        assert!(step(poll).is_none());
    }
    let worker = "a".into();
    assert_eq!(matching.end_worker_polls(Uuid::nil(), &worker), 0);
    assert_eq!(matching.end_worker_polls(NAMESPACE, &worker), 2);
    assert!(matches!(step(&mut polls[0]), Some(PollOutcome::ShutDown)));
    assert!(matches!(step(&mut polls[1]), Some(PollOutcome::ShutDown)));
    assert!(step(&mut polls[2]).is_none());
    let identities = |key| matching.describe(&key, 0).expect("loaded").pollers.len();
    assert_eq!((identities(normal()), identities(sticky())), (1, 0));

    // A poll that was still on its way ends at once; after a while the key may be anybody's.
    let mut late = Box::pin(matching.poll(&normal(), poller("same", "a")));
    assert!(matches!(step(&mut late), Some(PollOutcome::ShutDown)));
    advance(Duration::from_secs(70)).await;
    matching.sweep(0);
    assert!(step(&mut Box::pin(matching.poll(&normal(), poller("same", "a")))).is_none());
}

#[tokio::test(start_paused = true)]
async fn workers_of_other_namespaces_shut_down_beside_a_namespace_of_many_queues_and_workers() {
    let (matching, other) = (matching(), Uuid::from_u128(8));
    let queue =
        |namespace, n: usize| TaskQueueKey::normal(namespace, format!("queue-{n}"), TaskType::Workflow);
    let mut polls = Vec::new();
    for n in 0..100 {
        // Also in namespaces right before and behind it in their order.
        for namespace in [NAMESPACE, other, Uuid::from_u128(9)] {
            let mut poll = Box::pin(matching.poll(&queue(namespace, n), poller("same", "a")));
            assert!(step(&mut poll).is_none());
            polls.push((namespace, poll));
        }
    }
    assert_eq!(matching.end_worker_polls(other, &"a".into()), 100);
    for (namespace, poll) in &mut polls {
        assert_eq!(step(poll).is_some(), *namespace == other);
    }
    // However many workers of one namespace go, those of another that went are remembered.
    for n in 0..10_001 {
        matching.end_worker_polls(NAMESPACE, &n.to_string().into());
    }
    let late =
        |namespace, worker| step(&mut Box::pin(matching.poll(&queue(namespace, 0), poller("same", worker))));
    assert!(matches!(late(other, "a"), Some(PollOutcome::ShutDown)));
    assert!(matches!(late(NAMESPACE, "10000"), Some(PollOutcome::ShutDown)));
    assert!(late(NAMESPACE, "0").is_none(), "of its own the oldest are forgotten");
}

#[tokio::test(start_paused = true)]
async fn pollers_are_described_for_five_minutes() {
    let matching = Matching::new(MatchingConfig { idle_unload: Duration::MAX, ..MatchingConfig::default() });
    let mut first = poller("one", "1");
    first.rate_per_second = Some(12.5);
    drop(step(&mut Box::pin(matching.poll(&normal(), first))));
    advance(Duration::from_secs(1)).await;
    drop(step(&mut Box::pin(matching.poll(&normal(), Poller::new("two")))));

    let pollers = matching.describe(&normal(), 50_000).expect("loaded").pollers;
    assert_eq!(pollers.iter().map(|info| &*info.identity).collect::<Vec<_>>(), ["two", "one"]);
    assert_eq!(pollers[1].last_access_ms, 49_000);
    assert_eq!(pollers[1].rate_per_second, Some(12.5));

    advance(Duration::from_secs(299)).await;
    matching.sweep(0);
    let pollers = matching.describe(&normal(), 0).expect("loaded").pollers;
    assert_eq!(pollers.iter().map(|info| &*info.identity).collect::<Vec<_>>(), ["two"]);
}

#[tokio::test(start_paused = true)]
async fn pollers_that_are_remembered_are_counted_until_their_partition_goes() {
    let config = MatchingConfig { idle_unload: Duration::from_secs(1), ..MatchingConfig::default() };
    let matching = Matching::new(config);
    let mut poll = Box::pin(matching.poll(&normal(), poller(&"x".repeat(1_000), "a")));
    assert!(step(&mut poll).is_none());
    assert!((1_000..2_000).contains(&matching.poller_bytes()), "{}", matching.poller_bytes());
    drop(poll);
    advance(Duration::from_secs(2)).await;
    matching.sweep(0);
    assert_eq!((matching.loaded(), matching.poller_bytes()), (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn partitions_themselves_are_counted_until_they_go() {
    let config = MatchingConfig { idle_unload: Duration::from_secs(1), ..MatchingConfig::default() };
    let matching = Matching::new(config);
    let long = "x".repeat(1_000);
    for n in 0..100 {
        let key = TaskQueueKey::normal(NAMESPACE, format!("{long}{n}"), TaskType::Workflow);
        drop(step(&mut Box::pin(matching.poll(&key, poller("same", "a")))));
    }
    let bytes = matching.partition_bytes();
    assert!((200_000..500_000).contains(&bytes), "{bytes}");
    advance(Duration::from_secs(2)).await;
    matching.sweep(0);
    assert_eq!((matching.loaded(), matching.partition_bytes()), (vec![], 0));
}
