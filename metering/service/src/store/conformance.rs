//! What every engine must pass: one suite, run on each.
//!
//! A case gets an empty [`Place`] of its own. To add a case: write `pub(super) async fn <promise>(place: &dyn Place)`
//! in the file of its group and list it below, which makes one test of it for each engine. To add an engine: a `Place`,
//! and a module below.

mod crash;
mod decisions;
mod names;
mod objects;
mod owners;
pub(super) mod pages;
mod places;
mod quantities;
mod replay;
mod steps;
pub(super) mod takers;

use std::collections::BTreeMap;

use async_trait::async_trait;
use atoll_internal_api::usage::v1::UsageObject;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{ShardName, Store};
use crate::completeness::ShardProgress;
use crate::cube::CubeKey;
use crate::ledger::{Applied, Quantity};
use crate::service::all_rows;
use crate::test_support::{Log, Plain, object};
pub(crate) use places::{PostgresPlace, SqlitePlace};

/// A database that outlives the processes which have it open.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    /// Opens it: as one more process where several may have it, else as another caller within the one.
    async fn open(&self) -> Store;

    /// Ends every process at once. What they were doing is committed or undone when this answers.
    async fn crash(&self);

    /// Answers when somebody waits for a transaction of another.
    async fn until_somebody_waits(&self);
}

macro_rules! cases {
    ($($group:ident :: { $($case:ident),* $(,)? })*) => {
        mod sqlite { $(mod $group { $(
            #[tokio::test]
            async fn $case() {
                let place = crate::store::conformance::SqlitePlace::new();
                crate::store::conformance::$group::$case(&place).await;
            }
        )* })* }
        mod postgres { $(mod $group { $(
            #[tokio::test]
            async fn $case() {
                let place = crate::store::conformance::PostgresPlace::new().await;
                crate::store::conformance::$group::$case(&place).await;
            }
        )* })* }
    };
}

cases! {
    objects::{
        an_object_is_in_as_a_whole_or_not_at_all,
        taking_in_again_changes_nothing,
        what_overlaps_is_taken_in_from_the_watermark_on,
        rows_that_are_missing_leave_everything_as_it_was,
        what_is_no_usage_leaves_everything_as_it_was,
        each_object_makes_another_version_of_the_cube,
        as_many_other_objects_make_another_version_of_the_cube,
    }
    takers::{
        of_two_takers_of_a_shard_one_takes_an_object_and_the_other_finds_it_in,
        a_taker_that_is_gone_at_any_step_leaves_the_shard_to_others,
        two_shards_of_one_namespace_at_once_add_both,
        many_takers_of_all_objects_take_each_once,
    }
    owners::{
        an_owner_that_one_shard_names_is_known_to_the_others,
        the_newest_record_of_any_incarnation_counts,
        an_owner_in_another_cell_is_nobodys,
        an_owner_that_nothing_refers_to_is_forgotten_after_a_while,
    }
    pages::{
        rows_come_in_the_order_of_their_keys_and_no_more_than_asked_for,
        an_account_sees_its_own_rows_and_everybody_all,
        a_namespace_and_an_end_narrow_the_list,
        shards_that_have_not_sealed_the_hours_of_a_page_come_with_it,
        an_account_s_page_holds_open_hours_of_the_account_alone,
        a_page_is_of_one_moment_while_objects_are_taken_in,
    }
    quantities::{
        sums_have_127_bits,
        the_largest_numbers_of_objects_add_up_exactly,
    }
    names::{
        any_text_comes_back_and_is_ordered_by_its_bytes,
        the_longest_names_are_taken,
    }
    decisions::{
        a_decision_of_a_kind_stands_once_and_comes_back_whole,
        of_two_deciders_at_once_one_decides,
        rows_that_are_skipped_let_the_shard_go_on_and_stay_out,
        skipping_is_done_whole_or_not_at_all,
    }
    crash::{
        what_was_taken_in_is_there_after_a_crash,
        manifests_are_kept_once_and_come_by_cell_and_first_hour,
    }
    replay::{
        the_cube_does_not_depend_on_how_objects_come,
    }
}

/// A shard's log, always the same one, with hours that are sealed.
pub(super) fn log(shard: u32) -> Log {
    let mut random = StdRng::seed_from_u64(7);
    loop {
        let log = Log::random(&mut random, shard);
        if log.rows.iter().filter(|row| row.seals.is_some()).count() > 2 {
            return log;
        }
    }
}

/// Two objects that cover a log.
pub(super) fn halves(log: &Log) -> [UsageObject; 2] {
    let middle = log.moved_at.clamp(2, log.end() - 1);
    [object(log, 1, middle), object(log, middle, log.end())]
}

/// Takes an object in that is usage.
pub(super) async fn take(store: &Store, name: &ShardName, object: &UsageObject) -> Applied {
    store.take_in(name, object).await.unwrap().unwrap()
}

pub(super) fn is_taken(applied: Applied) -> bool {
    matches!(applied, Applied::Taken { .. })
}

/// All that a database says.
#[derive(Debug, PartialEq)]
pub(super) struct Everything {
    pub(super) rows: Vec<(CubeKey, Quantity)>,
    shards: Vec<ShardProgress>,
}

pub(super) async fn everything(store: &Store) -> Everything {
    Everything { rows: all_rows(store).await, shards: store.progress().await.unwrap().shards }
}

/// Rows of made-up logs, as what their plain computation gives.
pub(crate) fn plain(rows: Vec<(CubeKey, Quantity)>) -> Plain {
    let mut plain = BTreeMap::new();
    for (key, quantity) in rows {
        let generation = key.project_id.strip_prefix("project-").unwrap();
        assert_eq!(key.tags, format!(r#"{{"generation":"{generation}"}}"#));
        assert_eq!((key.cell_id.as_str(), key.account_id.as_str()), ("a", "acme1"));
        let kind = key.kind.name().to_owned();
        plain.insert((key.hour_ms, key.namespace_id, kind, key.action_type, key.project_id), quantity);
    }
    plain
}
