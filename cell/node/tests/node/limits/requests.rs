//! Requests that are refused past their limits.

use super::{BLOB_REFUSED, Call, cell, create, quiet, refused, start, trace};
use crate::edges::{BLOB, ID, memo, weighing};
use crate::fixture::{Driver, Engine, Site, execution, queue, seconds};
use atoll_api::call::Code;
use atoll_api::temporal::api::common::v1::{Memo, Payload, SearchAttributes, WorkflowType};
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::schedule::v1::SchedulePatch;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use cell_frontend::DynamicConfig;
use prost::Message;
use std::sync::Arc;

/// What an id stands for before it is called.
#[derive(Clone, Copy)]
enum Given {
    Nothing,
    Run,
    Schedule,
}

use Given::Nothing;

/// What is limited, what stands under the id, the limit, the answer to one more, and the call that has so much of it.
type Limit = (&'static str, Given, usize, &'static str, fn(&str, usize) -> Call);

const LIMITS: &[Limit] = &[
    (
        "StartWorkflowExecution, bytes of a search attribute",
        Nothing,
        2_048,
        "search attribute Keyword0 value size 2049 exceeds size limit 2048",
        |id, n| start(id, |it| it.search_attributes = Some(attributes(&[n]))),
    ),
    (
        "StartWorkflowExecution, bytes of all search attributes",
        Nothing,
        40_960,
        "total size of search attributes 40961 exceeds size limit 40960",
        |id, n| start(id, |it| it.search_attributes = Some(attributes_weighing(n))),
    ),
    ("SignalWithStartWorkflowExecution.signal_input", Nothing, BLOB, BLOB_REFUSED, |id, n| {
        signal_with_start(id, |it| it.signal_input = Some(weighing(n)))
    }),
    (
        "SignalWithStartWorkflowExecution.signal_name",
        Nothing,
        ID,
        "SignalName length exceeds limit.",
        |id, n| signal_with_start(id, |it| it.signal_name = "s".repeat(n)),
    ),
    ("SignalWithStartWorkflowExecution.input", Nothing, BLOB, BLOB_REFUSED, |id, n| {
        signal_with_start(id, |it| it.input = Some(weighing(n)))
    }),
    ("TerminateWorkflowExecution.details", Given::Run, BLOB, BLOB_REFUSED, |id, n| {
        terminate(id, |it| it.details = Some(weighing(n)))
    }),
    ("TerminateWorkflowExecution.identity", Given::Run, ID, "Identity length exceeds limit.", |id, n| {
        terminate(id, |it| it.identity = "i".repeat(n))
    }),
    ("RegisterNamespace.namespace", Nothing, ID, "Namespace length exceeds limit.", |_, n| {
        let request = wf::RegisterNamespaceRequest {
            namespace: "n".repeat(n),
            workflow_execution_retention_period: seconds(86_400),
            ..Default::default()
        };
        Call::of(rpc::REGISTER_NAMESPACE, request)
    }),
    // Lists put what a schedule is before its id.
    ("CreateSchedule.schedule_id", Nothing, 977, "WorkflowId length exceeds limit.", |_, n| {
        create(&"s".repeat(n), |_| {})
    }),
    ("CreateSchedule.request_id", Nothing, ID, "RequestId length exceeds limit.", |id, n| {
        create(id, |it| it.request_id = "r".repeat(n))
    }),
    ("CreateSchedule.identity", Nothing, ID, "Identity length exceeds limit.", |id, n| {
        create(id, |it| it.identity = "i".repeat(n))
    }),
    ("CreateSchedule.memo", Nothing, BLOB, "Memo size exceeds limit.", |id, n| {
        create(id, |it| it.memo = Some(memo(n)))
    }),
    ("CreateSchedule.memo, values", Nothing, 2_000, "Memo has more than 2000 values.", |id, n| {
        let fields = (0..n).map(|at| (at.to_string(), Payload::default())).collect();
        create(id, |it| it.memo = Some(Memo { fields }))
    }),
    ("PatchSchedule.patch.pause", Given::Schedule, 1_000, "Schedule notes exceeds limit.", |id, n| {
        patch(id, SchedulePatch { pause: "p".repeat(n), ..Default::default() })
    }),
    ("PatchSchedule.patch.unpause", Given::Schedule, 1_000, "Schedule notes exceeds limit.", |id, n| {
        patch(id, SchedulePatch { unpause: "u".repeat(n), ..Default::default() })
    }),
    (
        "PatchSchedule.patch.backfill_request",
        Given::Schedule,
        100,
        "Patch has more than 100 backfill requests.",
        |id, n| {
            patch(id, SchedulePatch { backfill_request: vec![Default::default(); n], ..Default::default() })
        },
    ),
];

/// Search attributes that a namespace of [`cell`] has, and whether they are lists.
const NAMES: [(&str, bool); 21] = [
    ("Keyword0", false),
    ("Keyword1", false),
    ("Keyword2", false),
    ("Keyword3", false),
    ("Keyword4", false),
    ("Keyword5", false),
    ("Keyword6", false),
    ("Keyword7", false),
    ("Keyword8", false),
    ("Keyword9", false),
    ("Text0", false),
    ("Text1", false),
    ("Text2", false),
    ("List0", true),
    ("List1", true),
    ("List2", true),
    ("BatcherNamespace", false),
    ("BatcherUser", false),
    ("BinaryChecksums", true),
    ("BuildIds", true),
    ("TemporalChangeVersion", true),
];

/// The first of them, with values of so many bytes each.
fn attributes(bytes: &[usize]) -> SearchAttributes {
    let value = |(&(name, list), bytes): (&(&str, bool), &usize)| {
        let (open, close) = if list { ("[\"", "\"]") } else { ("\"", "\"") };
        let text = "v".repeat(bytes - open.len() - close.len());
        (name.to_owned(), json(format!("{open}{text}{close}")))
    };
    SearchAttributes { indexed_fields: NAMES.iter().zip(bytes).map(value).collect() }
}

fn json(data: String) -> Payload {
    let metadata = [("encoding".to_owned(), "json/plain".into())].into();
    Payload { metadata, data: data.into(), ..Default::default() }
}

/// Search attributes whose encoding has so many bytes, none of which is too large by itself.
fn attributes_weighing(bytes: usize) -> SearchAttributes {
    let with = |last| {
        let mut each = [1_930; NAMES.len()];
        each[0] = last;
        attributes(&each)
    };
    (2..2_048).map(with).find(|it| it.encoded_len() == bytes).expect("some attributes weigh that")
}

fn signal_with_start(
    id: &str,
    change: impl FnOnce(&mut wf::SignalWithStartWorkflowExecutionRequest),
) -> Call {
    let mut request = wf::SignalWithStartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Limited".to_owned() }),
        task_queue: queue("q"),
        signal_name: "s".to_owned(),
        request_id: id.to_owned(),
        ..Default::default()
    };
    change(&mut request);
    Call::of(rpc::SIGNAL_WITH_START_WORKFLOW_EXECUTION, request)
}

fn terminate(id: &str, change: impl FnOnce(&mut wf::TerminateWorkflowExecutionRequest)) -> Call {
    let mut request = wf::TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(id, ""),
        ..Default::default()
    };
    change(&mut request);
    Call::of(rpc::TERMINATE_WORKFLOW_EXECUTION, request)
}

fn patch(id: &str, patch: SchedulePatch) -> Call {
    let request = wf::PatchScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: id.to_owned(),
        patch: Some(patch),
        ..Default::default()
    };
    Call::of(rpc::PATCH_SCHEDULE, request)
}

#[tokio::test]
async fn at_its_limit_a_request_is_taken_and_past_it_leaves_no_trace() {
    let cell = cell().await;
    let id = |at: usize| format!("limited-{at}");
    for (at, (what, given, ..)) in LIMITS.iter().enumerate() {
        let prepared = match given {
            Nothing => Ok(()),
            Given::Run => start(&id(at), |_| {}).send(&cell).await,
            Given::Schedule => create(&id(at), |_| {}).send(&cell).await,
        };
        assert_eq!(prepared, Ok(()), "{what}");
    }
    let mut wrong = Vec::new();
    for (at, (what, _, most, refusal, call)) in LIMITS.iter().enumerate() {
        wrong.extend(trace(&cell, what, call(&id(at), most + 1), refusal).await);
    }
    for (at, (what, _, most, _, call)) in LIMITS.iter().enumerate() {
        wrong.extend(refused(&cell, what, call(&id(at), *most)).await);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}

/// No namespace has as many as one workflow may have: who brings more is told so before they are looked at.
#[tokio::test]
async fn a_workflow_has_a_hundred_search_attributes_at_most() {
    let cell = cell().await;
    let with = |count: usize| {
        let unknown = (0..count).map(|at| (format!("Unknown{at}"), json("1".to_owned())));
        let indexed_fields = unknown.collect();
        start("many", |it| it.search_attributes = Some(SearchAttributes { indexed_fields }))
    };
    let before = cell.site.log_ends().await;
    let unknown = with(100).send(&cell).await.expect_err("they are unknown");
    let text = "Namespace default has no mapping defined for search attribute Unknown";
    assert_eq!(unknown.code, Code::InvalidArgument);
    assert!(unknown.message.starts_with(text), "{}", unknown.message);
    let text = "number of search attributes 101 exceeds limit 100";
    assert_eq!(trace(&cell, "their number", with(101), text).await, None);
    assert!(before == cell.site.log_ends().await, "nothing is written");
    cell.crash().await;
}

/// With the limit of payloads alone no patch is refused: all that it has is limited by itself.
#[tokio::test]
async fn a_patch_is_held_to_the_limit_of_payloads_too() {
    let mut site = Site::new(Engine::memory());
    let small = DynamicConfig { blob_bytes: 500, ..DynamicConfig::default() };
    site.config.dynamic = Arc::new(small);
    let cell = quiet(site).await;
    assert_eq!(create("patched", |_| {}).send(&cell).await, Ok(()));
    let weighing = |bytes: usize| {
        let pausing = |frame| SchedulePatch { pause: "p".repeat(bytes - frame), ..Default::default() };
        (2..5).map(pausing).find(|it| it.encoded_len() == bytes).expect("some patch weighs that")
    };
    let (past, at) = (patch("patched", weighing(501)), patch("patched", weighing(500)));
    assert_eq!(trace(&cell, "a patch", past, BLOB_REFUSED).await, None);
    assert_eq!(refused(&cell, "a patch", at).await, None);
    cell.crash().await;
}

#[tokio::test]
async fn a_workflow_task_has_two_minutes_at_most() {
    let cell = cell().await;
    for (asked, given) in [(119, 119), (120, 120), (121, 120)] {
        let driver = Driver::new(&cell, &format!("slow-{asked}"));
        let mut request = driver.start_request();
        request.workflow_task_timeout = seconds(asked);
        driver.start_with(request).await;
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            driver.history().await.remove(0).attributes
        else {
            panic!("it did not start");
        };
        assert_eq!(started.workflow_task_timeout, seconds(given), "{asked} s");
    }
    cell.crash().await;
}
