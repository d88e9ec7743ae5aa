//! What every engine must pass, as one suite that takes the engine as a parameter.
//!
//! An engine's tests implement [`Engine`] and [`Storage`] and say `cell_store::conformance_tests!(engine);`, which
//! makes one test of each case, named `<group>::<promise>`. Each case gets an empty storage of its own. To add a case:
//! write `pub(super) async fn <promise>(cell: Cell)` in the file of its group and list it below.

mod acquire;
mod append;
mod branches;
mod checkpoint;
mod chunks;
mod crash;
mod due;
mod entities;
mod fencing;
mod fixture;
mod history;
mod identity;
mod incarnations;
mod metadata;
mod outbox;
mod segments;
mod trim;
mod waiting;

use crate::error::StoreError;
use crate::shard_store::Stores;
use async_trait::async_trait;
use fixture::Cell;
use std::pin::Pin;
use std::sync::Arc;

/// An engine under test.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Names it in the output.
    fn name(&self) -> String;

    /// An empty storage that no other case sees.
    async fn fresh(&self) -> Arc<dyn Storage>;
}

/// A place that outlives the processes which use it: a file, a database, a piece of memory.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Starts a process on it. The handles of earlier starts are gone, as after a crash: what they
    /// were doing is either finished or undone when this answers.
    async fn start(&self) -> Result<Stores, StoreError>;
}

type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One promise and the code that tries it.
struct Case {
    name: &'static str,
    run: fn(Cell) -> CaseFuture,
}

/// What became of one case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseReport {
    /// Group and promise, for example `append::repeated_append_is_accepted_once`.
    pub name: &'static str,
    /// Why it failed; `None` when it passed.
    pub failure: Option<String>,
}

/// One test of each case, in a module of each group, on the engine that the expression makes.
#[macro_export]
macro_rules! conformance_tests {
    ($engine:expr) => {
        $crate::conformance_cases! { tests [$engine] }
    };
}

/// Every case, made into tests or into a table.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($made:ident [$($argument:tt)*]) => { $crate::conformance_cases! { @$made [$($argument)*]
        identity::{
            opening_twice_keeps_identity_and_shard_count,
            restart_keeps_identity_and_shard_count,
            a_new_store_is_empty,
        }
        incarnations::{
            a_log_has_one_until_another_begins,
            rows_are_of_one_incarnation_each,
            of_two_that_begin_at_once_one_does,
            who_found_that_the_log_went_back_is_believed_until_another_begins,
        }
        acquire::{
            each_acquisition_raises_the_epoch_by_one,
            epochs_survive_a_restart,
            shards_are_acquired_independently_and_answered_in_order,
            the_tail_begins_after_the_checkpoint,
            an_unknown_shard_is_refused_and_nothing_changes,
        }
        append::{
            accepted_rows_survive_a_restart,
            repeated_append_is_accepted_once,
            another_batch_at_a_taken_position_is_superseded,
            superseded_shard_leaves_its_neighbours_accepted,
            an_append_is_accepted_whole_or_not_at_all,
            a_repeat_beside_new_rows_is_accepted,
            behind_a_gap_the_log_went_back_and_its_neighbours_are_accepted,
            malformed_appends_are_refused_and_nothing_is_written,
            empty_calls_are_answered,
            rows_of_any_size_come_back_unchanged,
            many_rows_of_many_shards_in_one_call,
        }
        segments::{
            they_stand_with_the_rows_of_an_accepted_append,
            a_superseded_append_writes_none_and_its_neighbours_do,
            a_repeat_writes_them_once,
            a_late_repeat_brings_no_deleted_history_back,
            they_join_what_checkpoints_write,
            a_trim_leaves_them,
            malformed_ones_are_refused_and_nothing_is_written,
            many_of_many_shards_in_one_call,
            they_are_found_by_their_first_event_in_order_with_holes,
        }
        fencing::{
            a_stale_owner_collides_with_the_ownership_record,
            a_stale_owner_collides_for_ever_also_after_a_trim,
            a_stale_repeat_of_a_trimmed_row_is_superseded,
            of_two_acquirers_one_gets_the_position,
            what_an_old_owner_gets_in_before_the_ownership_record_is_read_again,
            unknown_outcome_that_was_committed,
            unknown_outcome_that_was_not_committed,
        }
        checkpoint::{
            a_stale_checkpoint_changes_nothing,
            an_advance_beyond_the_log_changes_nothing,
            several_slices_make_one_checkpoint,
            a_repeated_slice_changes_nothing_more,
            a_checkpoint_never_moves_back,
            removals_come_before_writes,
            a_snapshot_may_include_positions_that_the_tail_holds,
            shards_do_not_see_each_other,
            an_empty_slice_confirms_the_epoch,
        }
        trim::{
            trim_deletes_up_to_the_checkpoint_only,
            ownership_records_are_never_trimmed,
            the_log_goes_on_after_everything_was_trimmed,
            a_long_log_is_trimmed_whole,
            what_stands_of_the_log_is_read_page_by_page,
        }
        entities::{
            loads_answer_in_order_with_holes,
            every_column_comes_back_unchanged,
            keys_differ_in_every_part,
            a_replaced_snapshot_is_gone,
            many_entities_in_one_slice_and_one_load,
            names_of_a_namespace_are_read_page_by_page,
        }
        chunks::{
            chunks_come_back_in_the_order_of_their_ids,
            a_write_changes_only_the_chunks_it_names,
            chunks_go_with_their_entity_and_no_other,
            a_stale_checkpoint_leaves_chunks_alone,
            many_chunks_of_many_entities,
            a_load_takes_as_many_as_fit,
        }
        history::{
            segments_come_back_in_order,
            a_range_answers_the_segments_that_overlap_it,
            max_bytes_bounds_the_answer_but_for_one_segment,
            a_segment_with_the_same_first_event_is_replaced,
            deleting_a_run_deletes_its_history_and_no_other,
        }
        branches::{
            a_base_that_goes_first_leaves_what_its_fork_shares,
            a_fork_that_goes_first_leaves_its_base_untouched,
            both_in_one_slice_leave_nothing,
            of_a_chain_of_forks_any_may_go_first,
            what_only_the_longer_of_two_forks_shares_goes_with_it,
            while_the_base_stands_nothing_of_it_goes,
            a_repeated_slice_removes_no_more,
            a_reference_counts_as_it_was_written_last,
            a_reference_may_stand_before_its_run,
            a_branch_whose_run_never_stood_goes_with_its_last_reference,
            what_the_same_slice_deletes_a_reference_does_not_keep,
            side_rows_stay_and_go_as_segments_do,
            families_shards_and_kinds_do_not_see_each_other,
            a_stale_slice_changes_none,
            a_crash_in_a_large_deletion_leaves_what_is_shared,
        }
        due::{
            due_is_earliest_first_then_by_key,
            due_keeps_to_limit_and_time,
            a_changed_or_removed_wake_is_followed,
            expired_answers_closed_entities_only,
            negative_and_extreme_times_keep_their_order,
        }
        waiting::{
            tasks_of_all_shards_come_in_one_order,
            queues_do_not_see_each_other,
            a_write_changes_only_the_tasks_it_names,
            a_task_stands_in_one_place,
            tasks_go_with_their_run_and_no_other,
            they_change_with_their_run_or_not_at_all,
            a_stale_checkpoint_leaves_them_alone,
            entities_of_two_kinds_and_the_same_ids_keep_their_tasks_apart,
            the_same_run_name_in_two_shards_is_two_runs,
        }
        outbox::{
            items_come_in_key_order_up_to_the_limit,
            pages_follow_each_other,
            pages_are_bounded_in_bytes_but_for_one_item,
            the_same_key_replaces_and_done_removes,
            a_late_confirmation_removes_no_newer_item,
            an_older_item_replaces_no_newer_one,
            a_replaced_item_keeps_the_time_of_the_first,
            projections_do_not_see_each_other,
            sizes_are_told_by_shard_and_projection,
        }
        metadata::{
            a_record_is_written_when_its_version_rises,
            records_are_listed_by_id_within_their_kind,
            removing_is_idempotent_and_forgets_the_version,
            records_survive_a_restart,
        }
        crash::{
            between_append_and_acknowledgement,
            between_the_slices_of_a_checkpoint,
            between_checkpoint_and_trim,
            during_a_checkpoint_slice,
            during_recovery,
        }
    } };
    (@tests [$engine:expr] $($group:ident :: { $($case:ident),* $(,)? })*) => {
        $(mod $group {
            #[allow(unused_imports, reason = "what the expression names")]
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                $crate::conformance::run(&$engine, concat!(stringify!($group), "::", stringify!($case))).await;
            })*
        })*
    };
    (@table [] $($group:ident :: { $($case:ident),* $(,)? })*) => {
        &[$($(Case {
            name: concat!(stringify!($group), "::", stringify!($case)),
            run: |cell| Box::pin($group::$case(cell)),
        }),*),*]
    };
}

const CASES: &[Case] = conformance_cases! { table [] };

/// Runs one case on the engine, in an empty storage of its own. Panics when it fails, or when there is none of this
/// name.
pub async fn run(engine: &dyn Engine, name: &str) {
    let case = CASES.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
    (case.run)(Cell::start(engine.fresh().await).await).await;
}

/// Runs every case on the engine and answers what became of each.
pub async fn report(engine: &dyn Engine) -> Vec<CaseReport> {
    let mut reports = Vec::with_capacity(CASES.len());
    for case in CASES {
        let cell = Cell::start(engine.fresh().await).await;
        let failure = tokio::spawn((case.run)(cell)).await.err().map(|error| match error.try_into_panic() {
            Ok(panic) => message(&*panic),
            Err(cancelled) => cancelled.to_string(),
        });
        let verdict = if failure.is_some() { "FAILED" } else { "ok" };
        println!("{} {} ... {verdict}", engine.name(), case.name);
        reports.push(CaseReport { name: case.name, failure });
    }
    reports
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".to_owned())
}
