//! What both engines must pass: one test a case and engine, named `<engine>::<group>::<promise>`. Each case has an
//! empty database of its own. To add a case: an `async fn` in the file of its group, and its name below.

mod drafts;
mod finalization;
mod guards;
mod large;
mod races;
mod reads;
mod runs;
mod steps;
pub(super) mod values;

/// One test of each case on the database that the expression makes.
macro_rules! tests_on {
    ($engine:ident: $($group:ident::{ $($case:ident,)* })*) => {
        mod $engine {
            $(mod $group {
                $(#[tokio::test]
                async fn $case() {
                    let database = crate::test_support::TestDatabase::$engine();
                    super::super::$group::$case(database).await;
                })*
            })*
        }
    };
}

/// Every case, on both engines.
macro_rules! cases {
    ($($cases:tt)*) => {
        tests_on! { sqlite: $($cases)* }
        tests_on! { postgres: $($cases)* }
    };
}

cases! {
    runs::{
        a_run_is_kept_once_and_read_whole,
    }
    drafts::{
        a_draft_comes_back_as_it_was_written,
        a_replaced_draft_leaves_nothing_behind,
        a_draft_is_in_as_a_whole_or_not_at_all,
        an_issued_month_takes_no_draft,
    }
    finalization::{
        exactly_the_draft_that_was_meant_is_issued,
        a_repeat_answers_what_stands_and_books_nothing,
        it_stands_whole_or_not_at_all,
        a_month_that_was_corrected_elsewhere_is_not_corrected_again,
        an_issued_invoice_that_is_not_booked_is_no_answer,
        the_journal_balances,
    }
    races::{
        two_closers_step_by_step_in_every_order_issue_and_book_once,
        a_closer_that_comes_at_any_moment_of_another_one,
    }
    guards::{
        an_issued_invoice_is_changed_by_no_statement,
        what_is_booked_is_changed_by_no_statement,
        a_rating_run_is_changed_by_no_statement,
        an_issued_invoice_is_paid_or_voided_once,
    }
    reads::{
        invoices_are_listed_newest_first_page_by_page,
        rows_are_read_in_order_of_their_positions,
        corrections_are_those_of_issued_invoices_in_order,
        a_read_is_of_one_moment_while_a_writer_writes,
    }
    large::{
        an_invoice_of_a_hundred_thousand_lines,
    }
}
