//! What every engine must pass, as one suite that takes the engine as a parameter.
//!
//! An engine's tests implement [`Storage`] and say `conformance_tests!(name, async { storage });`, which makes one test
//! of each case, named `<name>::<group>::<promise>`. Each case gets an empty storage of its own. To add a case: write
//! `pub async fn <promise>(storage: &dyn Storage)` in the file of its group and list it below.

pub mod absent;
pub mod crashes;
pub mod keys;
pub mod listing;
pub mod objects;

use crate::ObjectStore;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

/// A place that outlives the processes which use it.
#[async_trait]
pub trait Storage: Send + Sync {
    /// A store in it, of a process that starts now: the one before was killed and the machine lost its power.
    async fn start(&self) -> Arc<dyn ObjectStore>;
}

/// What the cases read at most.
const MOST: usize = 64 << 20;

/// Bytes of an object that engines may write in parts.
const LARGE: usize = (12 << 20) + 7;

/// Bytes that differ from place to place, so that a part in the wrong place shows.
fn large(seed: u8) -> Bytes {
    (0..LARGE).map(|at| ((at >> 16) as u8) ^ (at as u8) ^ seed).collect::<Vec<u8>>().into()
}

/// One test of each case, in a module of each group, on the storage that the future makes.
#[macro_export]
macro_rules! conformance_tests {
    ($engine:ident, $fresh:expr) => {
        $crate::conformance_cases! { $engine, $fresh;
            objects::{
                an_absent_object_is_none,
                the_last_put_counts,
                a_deleted_object_is_gone_however_often_it_is_deleted,
                an_empty_object_is_an_object,
                a_large_object_comes_back_whole,
                a_reader_takes_in_no_more_than_it_said,
            }
            absent::{
                the_first_writer_wins,
                a_repeat_finds_its_own_object,
                a_large_object_replaces_nothing,
                of_writers_at_once_one_has_written,
                after_a_deletion_it_writes_again,
            }
            listing::{
                keys_come_in_byte_order_under_their_prefix,
                a_list_goes_on_behind_a_key,
                more_keys_than_an_engine_lists_at_once_are_all_there,
            }
            keys::{
                what_is_no_path_of_plain_segments_is_refused,
                no_prefix_leads_out_of_the_store,
                a_key_may_have_many_segments,
            }
            crashes::{
                what_was_answered_survives,
            }
        }
    };
}

/// Every case, made into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($engine:ident, $fresh:expr; $($group:ident::{$($case:ident,)*})*) => {
        mod $engine {
            $(mod $group {
                #[allow(unused_imports, reason = "what the storage is made of")]
                use super::super::*;
                $(
                    #[tokio::test]
                    async fn $case() {
                        let storage = $fresh.await;
                        $crate::conformance::$group::$case(&storage).await;
                    }
                )*
            })*
        }
    };
}
