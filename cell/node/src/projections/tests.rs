//! The real projections behind real shards, with sinks that are away, refuse, tear and forget, in paused time.

mod fixture;
mod singletons;

use crate::test_support::NAMESPACE;
use atoll_internal_api::usage::v1::{ActionType, UsageObject};
use atoll_object_store::fault::{ObjectCall, ObjectFault, ObjectFaultRates};
use cell_shard::SpoolSide;
use cell_store::ShardId;
use cell_store::fault::Call;
use cell_visibility::{ExecutionStatus, VisibilityError, VisibilityRecord, VisibilityStore};
use fixture::{BUDGET, Life, Site};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);

/// Starts twenty runs and ends ten of them.
async fn load(life: &Life, round: usize) {
    for n in 0..20 {
        life.start(&format!("run-{round}-{n}")).await;
        if n % 2 == 0 {
            life.terminate(&format!("run-{round}-{n}")).await;
        }
    }
}

/// Waits until it is so, for up to two hours.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..2 * 360 {
        if so().await {
            return;
        }
        sleep(Duration::from_secs(10)).await;
    }
    panic!("never: {what}");
}

#[test]
fn a_visibility_store_that_is_away_for_an_hour_costs_no_memory_and_loses_nothing() {
    let site = Site::new();
    site.visibility.set_away(true);
    let listed =
        |status| site.visibility.records().into_iter().filter(move |run| run.status == status).count();
    site.live(async |life| {
        for round in 0..60 {
            load(life, round).await;
            sleep(MINUTE).await;
            let held = life.visibility.spool().bytes();
            assert!(held <= BUDGET, "{held} bytes in minute {round}");
        }
    });
    site.live(async |life| {
        // It serves with everything still in the outbox, and a checkpoint is no longer than before.
        load(life, 60).await;
        sleep(10 * MINUTE).await;
        let held = life.visibility.spool().bytes();
        assert!(held <= BUDGET, "{held} bytes after the restart");
        assert_eq!(site.visibility.records().len(), 0);

        site.visibility.set_away(false);
        let mut most = 0;
        until("everything is listed", async || {
            most = most.max(life.visibility.spool().bytes());
            listed(ExecutionStatus::Running) == 61 * 10 && listed(ExecutionStatus::Terminated) == 61 * 10
        })
        .await;
        assert!(most <= 2 * BUDGET, "{most} bytes while the sink catches up");
        assert_eq!(life.outbox("visibility").await, 0, "nothing stays behind");
        assert_eq!(life.visibility.spool().bytes(), 0);
    });
}

#[test]
fn what_is_being_written_when_its_namespace_is_removed_goes_with_it() {
    let site = Site::new();
    site.live(async |life| {
        let written = site.visibility.hold_next();
        life.start("listed").await;
        written.wait().await;
        site.namespaces.remove(NAMESPACE);
        let mut forgotten = std::pin::pin!(life.visibility.forget_namespace(NAMESPACE));
        assert!(futures::poll!(&mut forgotten).is_pending(), "somebody writes what it knew before");
        written.wait().await;
        forgotten.await.expect("forgotten");
        sleep(MINUTE).await;
        assert_eq!(site.visibility.records().len(), 0);
    });
}

#[test]
fn an_object_store_that_is_away_for_an_hour_costs_no_memory_and_loses_nothing() {
    let site = Site::new();
    site.objects.set_away(true);
    site.live(async |life| {
        for round in 0..60 {
            load(life, round).await;
            sleep(MINUTE).await;
            let held = life.usage.spool().bytes();
            assert!(held <= BUDGET, "{held} bytes in minute {round}");
        }
    });
    site.live(async |life| {
        load(life, 60).await;
        sleep(10 * MINUTE).await;
        let held = life.usage.spool().bytes();
        assert!(held <= BUDGET, "{held} bytes after the restart");
        assert!(site.usage_objects().is_empty());
        let problem = life.usage.problem().expect("an operator is told");
        assert!(
            problem.starts_with("usage is not exported, and waits in the cell's database: "),
            "{problem}"
        );

        site.objects.set_away(false);
        let mut most = 0;
        until("everything is exported", async || {
            most = most.max(life.usage.spool().bytes());
            site.actions().get(&ActionType::StartWorkflow) == Some(&(61 * 20))
        })
        .await;
        assert!(most <= 2 * BUDGET, "{most} bytes while the sink catches up");
        assert_eq!(life.outbox("usage").await, 0, "nothing stays behind");
        until("nothing is told any more", async || life.usage.problem().is_none()).await;
    });
    // What comes after all that is exported as ever, and nothing a second time.
    site.live(async |life| {
        load(life, 61).await;
        until("the rest is exported", async || {
            site.actions().get(&ActionType::StartWorkflow) == Some(&(62 * 20))
        })
        .await;
    });
    assert_eq!(site.manifests(), 1, "it waited for the store, too");
}

#[test]
fn rows_without_usage_that_fill_memory_hold_up_no_usage_behind_them() {
    let site = Site::new();
    let exported = async |starts: u64| {
        let counted = async || site.actions().get(&ActionType::StartWorkflow) == Some(&starts);
        until("starts are exported", counted).await;
    };
    site.live(async |life| {
        life.start("run").await;
        exported(1).await;
        // Each second it skips a start, which costs nothing and is a row.
        life.schedule_each_second("busy").await;
        for _ in 0..600 {
            sleep(Duration::from_secs(1)).await;
            life.shards.checkpoint_all().await.expect("a checkpoint");
        }
        for n in 0..8 {
            life.start(&format!("behind them {n}")).await;
        }
        exported(9).await;
    });
}

/// An id of a workflow that lives in this shard.
fn id_in(life: &Life, shard: u32, number: u64) -> String {
    let mut ids = (0..).map(|try_| format!("run-{number}-{try_}"));
    ids.find(|id| life.shards.shard_of(NAMESPACE, id).0 == shard).expect("there is one")
}

#[test]
fn a_shard_that_is_never_quiet_holds_up_no_others_usage() {
    let site = Site::new();
    site.live(async |life| {
        until("the first seals are exported", async || site.usage_objects().len() == 2).await;
        // A put takes longer than it takes until there is more to put.
        for _ in 0..5_000 {
            site.objects.script(ObjectCall::PutIfAbsent, ObjectFault::Delay(Duration::from_millis(200)));
        }
        life.start(&id_in(life, 1, 0)).await;
        let never_quiet = async {
            for number in 1.. {
                life.start(&id_in(life, 0, number)).await;
                sleep(Duration::from_millis(100)).await;
            }
        };
        let of_the_other =
            async || site.usage_objects().iter().any(|it| it.shard == 1 && !it.entries.is_empty());
        tokio::select! {
            biased;
            () = until("the other's usage is exported", of_the_other) => {}
            () = never_quiet => {}
            () = sleep(5 * MINUTE) => panic!("it waits for the busy one"),
        }
    });
}

#[test]
fn objects_whose_acknowledgement_is_lost_are_written_once() {
    let site = Site::new();
    site.live(async |life| {
        until("the first seals are exported", async || site.usage_objects().len() == 2).await;
        site.objects.script(ObjectCall::PutIfAbsent, ObjectFault::After);
        let puts = site.objects.calls(ObjectCall::PutIfAbsent);
        life.start("run").await;
        until("it was tried again", async || site.objects.calls(ObjectCall::PutIfAbsent) == puts + 2).await;
        until("it counts as told", async || life.usage.spool().bytes() == 0).await;
        assert_eq!(site.usage_objects().len(), 3);
        assert_eq!(site.objects.calls(ObjectCall::Put), 0, "whoever was first is believed");
    });
    assert_eq!(site.actions()[&ActionType::StartWorkflow], 1);
}

/// A gate for one call of the object store.
fn hold(site: &Site, call: ObjectCall) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    site.objects.script(call, ObjectFault::HoldBefore(Arc::clone(&gate)));
    gate
}

/// Starts runs in a shard, each in a row of the outbox of its own, until it is so.
async fn start_in(life: &Life, shard: u32, numbers: &mut std::ops::RangeFrom<u64>, so: impl Fn() -> bool) {
    while !so() {
        life.start(&id_in(life, shard, numbers.next().expect("they never end"))).await;
        life.shards.checkpoint_all().await.expect("a checkpoint");
    }
}

#[test]
fn an_object_that_was_tried_ends_where_it_did_also_once_its_rows_left_memory() {
    let (site, mut numbers) = (Site::new(), 0..);
    site.live(async |life| {
        until("the first seals are exported", async || site.usage_objects().len() == 2).await;
        // While the exporter is busy with one shard the other's share of memory fills.
        let puts = site.objects.calls(ObjectCall::PutIfAbsent);
        let gate = hold(&site, ObjectCall::PutIfAbsent);
        life.start(&id_in(life, 0, 1_000_000)).await;
        until("one is on its way", async || site.objects.calls(ObjectCall::PutIfAbsent) == puts + 1).await;
        start_in(life, 1, &mut numbers, || life.usage.spool().bytes() > BUDGET / 2 * 15 / 16).await;
        // The other's object stands, and nobody hears of it.
        site.objects.script(ObjectCall::PutIfAbsent, ObjectFault::After);
        gate.add_permits(1);
        until("both stand", async || site.usage_objects().len() == 4).await;
        // Before it is tried again most of its rows leave memory.
        start_in(life, 1, &mut numbers, || !life.usage.spool().is_all_at_hand(ShardId(1))).await;
        let starts = numbers.start + 1;
        until("all is exported", async || {
            site.actions().get(&ActionType::StartWorkflow) == Some(&starts) && life.usage.spool().bytes() == 0
        })
        .await;
    });
    let objects = site.usage_objects();
    let overlap =
        objects.windows(2).find(|two| two[0].shard == two[1].shard && two[0].to_seq > two[1].from_seq);
    assert_eq!(overlap.map(|two| [&two[0], &two[1]].map(|it| (it.from_seq, it.to_seq))), None);
}

#[test]
fn an_outbox_that_cannot_be_read_for_one_shard_holds_up_no_other() {
    let site = Site::new();
    site.objects.set_away(true);
    site.visibility.set_away(true);
    site.live(async |life| {
        for shard in 0..2 {
            for number in 0..5 {
                life.start(&id_in(life, shard, number)).await;
            }
        }
        life.shards.checkpoint_all().await.expect("a checkpoint");
    });
    site.objects.set_away(false);
    site.visibility.set_away(false);
    for unreadable in 0..2 {
        site.store.fail_outbox_of(Some(ShardId(unreadable)));
        site.live(async |_| {
            let exported = |shard| {
                let of_shard =
                    move |object: &UsageObject| object.shard == shard && !object.entries.is_empty();
                site.usage_objects().iter().any(of_shard)
            };
            until("the other's is exported", async || exported(1 - unreadable)).await;
            sleep(10 * MINUTE).await;
            assert_eq!(exported(unreadable), unreadable == 1, "in the second life it was exported before");
            assert_eq!(site.visibility.records().len(), [5, 10][unreadable as usize]);
        });
    }
    assert_eq!(site.actions()[&ActionType::StartWorkflow], 10);
}

#[test]
fn a_torn_object_is_written_again() {
    let site = Site::new();
    site.live(async |life| {
        until("the first seals are exported", async || site.usage_objects().len() == 2).await;
        site.objects.script(ObjectCall::PutIfAbsent, ObjectFault::Torn(40));
        life.start("run").await;
        until("it counts as told", async || {
            site.objects.calls(ObjectCall::Put) == 1 && life.usage.spool().bytes() == 0
        })
        .await;
    });
    assert_eq!(site.actions()[&ActionType::StartWorkflow], 1);
}

#[test]
fn whatever_fails_usage_is_exported_once() {
    for seed in 0..8 {
        let site = Site::seeded(seed);
        let mut runs = 0;
        for life in 0..4 {
            site.objects.set_rates(ObjectFaultRates { before: 0.3, after: 0.3 });
            site.faults(0.1);
            site.live(async |cell| {
                for round in 0..5 {
                    for n in 0..8 {
                        cell.start(&format!("run-{life}-{round}-{n}")).await;
                        runs += 1;
                    }
                    sleep((seed as u32 + 1) * Duration::from_secs(7)).await;
                }
            });
        }
        site.objects.set_rates(ObjectFaultRates::default());
        site.faults(0.0);
        site.live(async |_| {
            until("everything is exported", async || {
                site.actions().get(&ActionType::StartWorkflow) == Some(&runs)
            })
            .await;
            // And it stays so.
            sleep(10 * MINUTE).await;
        });
        assert_eq!(site.actions()[&ActionType::StartWorkflow], runs, "seed {seed}");
    }
}

#[test]
fn a_record_that_the_store_refuses_holds_up_no_other() {
    for error in [VisibilityError::Refused, VisibilityError::Corrupt] {
        let site = Site::new();
        site.visibility.refuse(Some(("poison", error)));
        site.live(async |life| {
            for n in 0..40 {
                life.start(&format!("run-{n}")).await;
                if n == 17 {
                    life.start("poison").await;
                }
            }
            until("all others are listed", async || site.visibility.records().len() == 40).await;
            assert_eq!(life.visibility.spool().set_aside_count(), 1);
            life.shards.checkpoint_all().await.expect("a checkpoint");
            assert_eq!(life.outbox("visibility").await, 1, "it is kept");
            assert_eq!(life.visibility.spool().bytes(), 0, "and not in memory");
            // A later change of it is tried again.
            site.visibility.refuse(None);
            life.terminate("poison").await;
            until("it is listed", async || site.visibility.records().len() == 41).await;
            assert_eq!(life.visibility.spool().set_aside_count(), 0);
        });
        assert!(site.visibility.records().iter().any(|run| run.workflow_id == "poison"));
    }
}

#[test]
fn what_was_set_aside_is_tried_again_by_the_next_life() {
    for error in [VisibilityError::Refused, VisibilityError::Corrupt] {
        let site = Site::new();
        site.visibility.refuse(Some(("poison", error)));
        site.live(async |life| {
            // Alone, without others that show that the store takes some.
            life.start("poison").await;
            until("it is set aside", async || life.visibility.spool().set_aside_count() == 1).await;
            life.shards.checkpoint_all().await.expect("a checkpoint");
        });
        site.visibility.refuse(None);
        site.live(async |life| {
            until("it is listed", async || site.visibility.records().len() == 1).await;
            assert_eq!(life.outbox("visibility").await, 0);
        });
    }
}

#[test]
fn what_was_set_aside_is_tried_again_within_minutes() {
    for error in [VisibilityError::Refused, VisibilityError::Corrupt] {
        let site = Site::new();
        site.visibility.refuse(Some(("poison", error)));
        site.live(async |life| {
            life.start("poison").await;
            until("it is set aside", async || life.visibility.spool().set_aside_count() == 1).await;
            site.visibility.refuse(None);
            sleep(2 * MINUTE).await;
            assert_eq!(site.visibility.records().len(), 1, "out of memory");
            assert_eq!(life.outbox("visibility").await, 0);

            site.visibility.refuse(Some(("more", error)));
            life.start("more").await;
            until("it is set aside", async || life.visibility.spool().set_aside_count() == 1).await;
            life.shards.checkpoint_all().await.expect("a checkpoint");
            assert_eq!(life.visibility.spool().bytes(), 0);
            site.visibility.refuse(None);
            sleep(2 * MINUTE).await;
            assert_eq!(site.visibility.records().len(), 2, "out of the outbox");
            assert_eq!(life.outbox("visibility").await, 0);
        });
    }
}

#[test]
fn a_file_that_is_damaged_for_a_while_has_all_written_within_minutes() {
    // Also where the damage goes in the middle of a batch.
    let some = (0..10).chain([20, 40, 79, 80, 90]).chain([usize::MAX]);
    for (writes, runs) in some.flat_map(|writes| [(writes, 1), (writes, 3), (writes, 40)]) {
        let site = Site::new();
        site.visibility.damage(writes);
        site.live(async |life| {
            for n in 0..runs {
                life.start(&format!("run-{n}")).await;
            }
            sleep(MINUTE).await;
            site.visibility.damage(0);
            sleep(2 * MINUTE).await;
            assert_eq!(site.visibility.records().len(), runs, "{writes} writes");
            assert_eq!(life.outbox("visibility").await, 0);
            assert_eq!(life.visibility.spool().set_aside_count(), 0);
        });
    }
}

#[test]
fn damage_under_many_records_holds_up_no_others() {
    let site = Site::new();
    site.visibility.refuse(Some(("poison", VisibilityError::Corrupt)));
    site.live(async |life| {
        for round in 1..=3 {
            for n in 0..20 {
                life.start(&format!("poison-{round}-{n}")).await;
                life.start(&format!("run-{round}-{n}")).await;
            }
            sleep(Duration::from_secs(5)).await;
            assert_eq!(site.visibility.records().len(), 20 * round);
        }
        site.visibility.refuse(None);
        sleep(2 * MINUTE).await;
        assert_eq!(site.visibility.records().len(), 120);
    });
}

#[test]
fn runs_behind_more_records_that_the_store_refuses_than_can_be_set_aside_are_listed() {
    let site = Site::new();
    site.visibility.refuse(Some(("poison", VisibilityError::Refused)));
    site.live(async |life| {
        // More than two shards set aside.
        for n in 0..2_200 {
            life.start(&format!("poison-{n}")).await;
        }
        for n in 0..20 {
            life.start(&format!("run-{n}")).await;
        }
        sleep(Duration::from_secs(30)).await;
        assert_eq!(site.visibility.records().len(), 20);
        // Also when those that were set aside were tried again.
        life.start("run-20").await;
        sleep(2 * MINUTE).await;
        assert_eq!(site.visibility.records().len(), 21);
        site.visibility.refuse(None);
        sleep(2 * MINUTE).await;
        assert_eq!(site.visibility.records().len(), 2_221);
        assert_eq!(life.outbox("visibility").await, 0);
    });
}

#[test]
fn a_file_that_is_damaged_for_an_hour_costs_no_memory_and_loses_nothing() {
    let site = Site::new();
    site.visibility.damage(usize::MAX);
    site.live(async |life| {
        // More than is set aside in two shards.
        for round in 0..120 {
            load(life, round).await;
            sleep(MINUTE / 2).await;
            let held = life.visibility.spool().bytes();
            assert!(held <= BUDGET, "{held} bytes in round {round}");
        }
        until("no more is set aside", async || life.visibility.spool().set_aside_count() == 2_000).await;
        site.visibility.damage(0);
        until("everything is listed", async || site.visibility.records().len() == 2_400).await;
        assert_eq!(life.outbox("visibility").await, 0);
    });
}

/// What lists held of a run that has ended and that retention has deleted.
async fn listed_and_deleted(site: &Site, life: &Life) -> Vec<VisibilityRecord> {
    life.start("run").await;
    life.terminate("run").await;
    until("it is listed", async || site.visibility.records().len() == 1).await;
    let listed = site.visibility.records();
    until("retention ends", async || site.visibility.records().is_empty()).await;
    listed
}

#[test]
fn a_late_write_brings_nothing_back_while_its_tombstone_stands() {
    let site = Site::with_retention(3_600);
    site.live(async |life| {
        let late = listed_and_deleted(&site, life).await;
        // A former owner of the shard wakes up.
        site.visibility.upsert(&late).await.expect("written");
        assert!(site.visibility.records().is_empty());
        sleep(fixture::TOMBSTONE_LIFE + 20 * MINUTE).await;
        site.visibility.upsert(&late).await.expect("written");
        assert_eq!(site.visibility.records().len(), 1, "tombstones do not pile up");
    });
}

#[test]
fn a_wall_clock_that_is_far_ahead_for_a_moment_ends_no_tombstone() {
    const YEAR: i64 = 366 * 86_400 * 1_000_000_000;
    let site = Site::with_retention(3_600);
    site.live(async |life| {
        let late = listed_and_deleted(&site, life).await;
        life.clock.jump(YEAR);
        // In this time tombstones are looked at.
        sleep(Duration::from_secs(599)).await;
        life.clock.jump(-YEAR);
        site.visibility.upsert(&late).await.expect("written");
        assert!(site.visibility.records().is_empty());
    });
}

#[test]
fn a_start_reads_no_outbox_before_it_serves() {
    let site = Site::new();
    site.visibility.set_away(true);
    site.live(async |life| {
        for round in 0..10 {
            load(life, round).await;
        }
        life.shards.checkpoint_all().await.expect("a checkpoint");
    });
    let before = site.store.calls(Call::Outbox);
    site.live(async |life| {
        life.start("at once").await;
        let pages = site.store.calls(Call::Outbox) - before;
        assert!(
            pages <= 8,
            "{pages} pages: a first one for each shard and projection, not all that is there"
        );
    });
}
