//! What every visibility engine must pass, as one suite that takes the engine as a parameter.
//!
//! An engine's tests say `cell_visibility::conformance_tests!(fresh);`, which makes one test of each case, named
//! `<group>::<promise>`. `fresh` is an `async fn` that makes an empty store, and what must outlive it.
//!
//! To add a case: write `pub(super) async fn <promise>(store: &dyn VisibilityStore)` in the file of its group and
//! list it below.

mod counting;
mod filters;
mod fixture;
mod limits;
mod listing;
mod random;
mod singletons;
mod writing;

use std::{future::Future, pin::Pin};

use crate::store::VisibilityStore;

pub use fixture::open;

type CaseFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

struct Case {
    name: &'static str,
    run: for<'a> fn(&'a dyn VisibilityStore) -> CaseFuture<'a>,
}

/// One test of each case, in a module of each group, on the stores that the function makes.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:path) => {
        $crate::conformance_cases! { tests [$fresh] }
    };
}

/// Every case, made into tests or into a table.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($made:ident [$($argument:tt)*]) => { $crate::conformance_cases! { @$made [$($argument)*]
        writing::{
            a_record_comes_back_whole,
            the_greatest_position_stays,
            of_several_in_one_call_the_greatest_stays,
            deleting_is_guarded_by_position,
            a_late_write_brings_nothing_back,
            tombstones_end,
            namespaces_are_apart,
            deleting_a_namespace_goes_in_steps,
            nothing_to_write_is_no_error,
        }
        listing::{
            open_runs_come_first_then_the_last_closed,
            pages_cover_everything_once,
            a_full_page_has_a_token_and_another_none,
            closing_moves_a_record,
            a_page_ends_by_bytes,
            a_page_holds_as_many_bytes_as_its_limit_says,
        }
        counting::{
            totals_follow_the_filter,
            groups_by_status,
            groups_by_division_count_null_first,
        }
        filters::{
            every_operator_of_keywords,
            keywords_compare_bytewise,
            lists_compare_by_member,
            texts_compare_by_word,
            numbers_compare_by_value,
            times_and_durations,
            booleans,
            nulls_are_unknown,
            system_attributes,
            divisions_are_hidden_unless_mentioned,
            an_attribute_of_another_type_is_null,
        }
        limits::{
            the_largest_filters_are_answered,
            a_thousand_records_in_one_call,
            odd_strings_survive,
            long_values_compare_whole,
        }
        singletons::{
            are_named_by_kind_and_id,
            have_no_run,
            are_deleted_and_may_come_again,
            of_one_time_are_on_pages_once,
        }
        random::{
            random_filters_agree_with_the_evaluator,
        }
    } };
    (@tests [$fresh:path] $($group:ident :: { $($case:ident),* $(,)? })*) => {
        $(mod $group {
            #[allow(unused_imports, reason = "what the path names")]
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                let (_kept, store) = $fresh().await;
                let name = concat!(stringify!($group), "::", stringify!($case));
                $crate::conformance::run(store.as_ref(), name).await;
            })*
        })*
    };
    (@table [] $($group:ident :: { $($case:ident),* $(,)? })*) => {
        &[$($(Case {
            name: concat!(stringify!($group), "::", stringify!($case)),
            run: |store| Box::pin($group::$case(store)),
        }),*),*]
    };
}

const CASES: &[Case] = conformance_cases! { table [] };

/// Runs one case on an empty store.
///
/// # Panics
///
/// When it fails, or when there is none of this name.
pub async fn run(store: &dyn VisibilityStore, name: &str) {
    let case = CASES.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
    (case.run)(store).await;
}
