//! How many values the fields of commands that start a run may have.

use super::*;
use atoll_api::temporal::api::common::v1::Header;
use atoll_api::temporal::api::failure::v1::ApplicationFailureInfo;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use std::collections::BTreeMap;

/// What a command is that has so many values in one field.
type Filling = fn(usize) -> Command;

const FILLING: &[(&str, Filling)] = &[
    ("StartChildWorkflowExecutionCommandAttributes.Input", |n| wanted_child(|c| c.input = Some(empty(n)))),
    ("StartChildWorkflowExecutionCommandAttributes.Header", |n| {
        wanted_child(|c| c.header = Some(Header { fields: named(n) }))
    }),
    ("StartChildWorkflowExecutionCommandAttributes.Memo", |n| {
        wanted_child(|c| c.memo = Some(Memo { fields: named(n) }))
    }),
    ("StartChildWorkflowExecutionCommandAttributes.SearchAttributes", |n| {
        wanted_child(|c| c.search_attributes = Some(SearchAttributes { indexed_fields: named(n) }))
    }),
    ("StartChildWorkflowExecutionCommandAttributes.RetryPolicy", |n| {
        wanted_child(|c| c.retry_policy = Some(fatal(n)))
    }),
    ("StartChildWorkflowExecutionCommand.UserMetadata", |n| said(wanted_child(|_| {}), n)),
    ("ContinueAsNewWorkflowExecutionCommandAttributes.Input", |n| successor(|s| s.input = Some(empty(n)))),
    ("ContinueAsNewWorkflowExecutionCommandAttributes.Header", |n| {
        successor(|s| s.header = Some(Header { fields: named(n) }))
    }),
    ("ContinueAsNewWorkflowExecutionCommandAttributes.Memo", |n| {
        successor(|s| s.memo = Some(Memo { fields: named(n) }))
    }),
    ("ContinueAsNewWorkflowExecutionCommandAttributes.SearchAttributes", |n| {
        successor(|s| s.search_attributes = Some(SearchAttributes { indexed_fields: named(n) }))
    }),
    ("ContinueAsNewWorkflowExecutionCommandAttributes.LastCompletionResult", |n| {
        successor(|s| s.last_completion_result = Some(empty(n)))
    }),
    ("ContinueAsNewWorkflowExecutionCommandAttributes.Failure", |n| {
        let details = Some(empty(n - 1));
        let info = ApplicationFailureInfo { details, ..Default::default() };
        let failure_info = Some(FailureInfo::ApplicationFailureInfo(info));
        successor(|s| s.failure = Some(Failure { failure_info, ..Default::default() }))
    }),
    ("ContinueAsNewWorkflowExecutionCommandAttributes.RetryPolicy", |n| {
        successor(|s| s.retry_policy = Some(fatal(n)))
    }),
    ("ContinueAsNewWorkflowExecutionCommand.UserMetadata", |n| said(successor(|_| {}), n)),
];

fn empty(count: usize) -> Payloads {
    Payloads { payloads: vec![Payload::default(); count] }
}

fn named(count: usize) -> BTreeMap<String, Payload> {
    (0..count).map(|n| (n.to_string(), Payload::default())).collect()
}

fn fatal(count: usize) -> RetryPolicy {
    let interval = prost_types::Duration { seconds: 1, nanos: 0 };
    RetryPolicy {
        initial_interval: Some(interval),
        backoff_coefficient: 1.0,
        non_retryable_error_types: vec![String::new(); count],
        ..Default::default()
    }
}

fn said(command: Command, count: usize) -> Command {
    let metadata = (1..count).map(|n| (n.to_string(), Default::default())).collect();
    let summary = Some(Payload { metadata, ..Default::default() });
    Command { user_metadata: Some(UserMetadata { summary, details: None }), ..command }
}

#[test]
fn what_starts_a_run_has_a_limit_of_values_for_each_field() {
    let mut life = Life::started();
    let task = life.take_task();
    for (field, filling) in FILLING {
        let answer = |count: usize| life.clone().complete(task, vec![filling(count)]);
        assert_eq!(answer(2_000), Ok(()), "{field}");
        let refused = answer(2_001).expect_err(field).to_string();
        assert!(refused.ends_with(&format!(": {field} has more than 2000 values.")), "{refused}");
    }
}

#[test]
fn what_starts_a_run_may_have_as_many_values_in_each_field_as_a_start() {
    const MANY: usize = 2_000;
    let mut life = Life::started();
    let task = life.take_task();
    let child = wanted_child(|c| {
        c.input = Some(empty(MANY));
        c.header = Some(Header { fields: named(MANY) });
        c.memo = Some(Memo { fields: named(MANY) });
        c.retry_policy = Some(fatal(MANY));
    });
    let next = successor(|s| {
        s.input = Some(empty(MANY));
        s.header = Some(Header { fields: named(MANY) });
        s.memo = Some(Memo { fields: named(MANY) });
        s.last_completion_result = Some(empty(MANY));
    });
    for command in [child, next] {
        let kind = command.command_type();
        assert_eq!(life.clone().complete(task, vec![said(command, MANY)]), Ok(()), "{kind:?}");
    }
}
