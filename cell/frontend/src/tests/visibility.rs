use crate::dynamic_config::DynamicConfig;
use crate::fakes::{FakeCell, NAMESPACE_ID, invoke, namespace};
use atoll_api::call::Code;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_api::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest, workflow_service,
};
use cell_visibility::{ExecutionStatus, MemoryVisibility, RecordId, VisibilityRecord, VisibilityStore};
use std::sync::Arc;
use uuid::Uuid;

fn record(number: u128, close_time: Option<i64>) -> VisibilityRecord {
    VisibilityRecord {
        namespace_id: NAMESPACE_ID,
        workflow_id: format!("w{number}"),
        id: RecordId::Run(Uuid::from_u128(number)),
        workflow_type: "T".to_owned(),
        task_queue: "q".to_owned(),
        start_time: 1_500_000_000,
        execution_time: 1_500_000_000,
        close_time,
        status: if close_time.is_some() { ExecutionStatus::Completed } else { ExecutionStatus::Running },
        history_length: close_time.map(|_| 7),
        history_size_bytes: close_time.map(|_| 70),
        state_transition_count: close_time.map(|_| 5),
        execution_duration: close_time.map(|close| close - 1_500_000_000),
        parent: None,
        root: None,
        division: None,
        memo: Default::default(),
        search_attributes: Default::default(),
        position: 1,
    }
}

async fn store() -> Arc<MemoryVisibility> {
    let store = Arc::new(MemoryVisibility::new());
    let records = [record(1, None), record(2, Some(2_750_000_000)), record(3, Some(2_000_000_000))];
    store.upsert(&records).await.unwrap();
    store
}

#[tokio::test]
async fn pages_show_rows_as_clients_know_them() {
    let store = store().await;
    let frontend = FakeCell::new().frontend(|deps| deps.ports.visibility = store);
    let mut list = ListWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        page_size: 2,
        ..ListWorkflowExecutionsRequest::default()
    };
    let first = invoke(&frontend, workflow_service::LIST_WORKFLOW_EXECUTIONS, &list).await.unwrap();
    let [open, closed] = first.executions.as_slice() else { panic!("two rows") };
    assert_eq!(open.status(), WorkflowExecutionStatus::Running);
    assert_eq!((open.history_length, open.close_time), (0, None));
    assert!(open.memo.is_some() && open.search_attributes.is_some());
    assert_eq!(open.root_execution, open.execution);
    assert_eq!(closed.execution.as_ref().unwrap().workflow_id, "w2");
    assert_eq!(closed.close_time.unwrap(), prost_types::Timestamp { seconds: 2, nanos: 750_000_000 });
    let duration = closed.execution_duration.unwrap();
    assert_eq!((duration.seconds, duration.nanos, closed.history_length), (1, 250_000_000, 7));

    list.next_page_token = first.next_page_token;
    let second = invoke(&frontend, workflow_service::LIST_WORKFLOW_EXECUTIONS, &list).await.unwrap();
    assert_eq!(second.executions[0].execution.as_ref().unwrap().workflow_id, "w3");
    assert!(second.next_page_token.is_empty());

    let count = CountWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        query: "GROUP BY ExecutionStatus".to_owned(),
    };
    let counted = invoke(&frontend, workflow_service::COUNT_WORKFLOW_EXECUTIONS, &count).await.unwrap();
    let groups: Vec<_> =
        counted.groups.iter().map(|group| (&group.group_values[0].data[..], group.count)).collect();
    assert_eq!(counted.count, 3);
    assert_eq!(groups, [(&b"\"Completed\""[..], 2), (&b"\"Running\""[..], 1)]);
}

#[tokio::test]
async fn wrong_filters_and_tokens_are_the_callers_fault() {
    let frontend = FakeCell::new().frontend(|deps| {
        let config = DynamicConfig { namespace_visibility_rps: 1_000.0, ..DynamicConfig::default() };
        deps.config = Arc::new(config);
    });
    let list = |query: &str, token: &'static [u8]| ListWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
        next_page_token: token.into(),
        ..ListWorkflowExecutionsRequest::default()
    };
    for request in [list("WorkflowId = ", b""), list("NoSuch = 1", b""), list("", b"garbage")] {
        let refused =
            invoke(&frontend, workflow_service::LIST_WORKFLOW_EXECUTIONS, &request).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "{request:?}");
    }
}

#[tokio::test]
async fn reads_have_a_rate_of_their_own() {
    let config = DynamicConfig { namespace_visibility_rps: 2.0, ..DynamicConfig::default() };
    let frontend = FakeCell::new().frontend(|deps| deps.config = Arc::new(config));
    let list = ListWorkflowExecutionsRequest { namespace: "default".to_owned(), ..Default::default() };
    let mut codes = Vec::new();
    for _ in 0..3 {
        let answer = invoke(&frontend, workflow_service::LIST_WORKFLOW_EXECUTIONS, &list).await;
        codes.push(answer.err().map(|status| status.code));
    }
    assert_eq!(codes, [None, None, Some(Code::ResourceExhausted)]);
}

#[tokio::test]
async fn the_lists_and_counts_of_a_namespace_wait_for_each_other_and_not_for_others() {
    let other = Uuid::from_u128(2);
    let frontend = FakeCell::new().frontend(|deps| deps.namespaces.put(namespace(other, "other", "")));
    let busy = frontend.lists.enter(&frontend.named("default").unwrap(), 1).unwrap();
    let turn = busy.turn().await;
    let list = |namespace: &str| ListWorkflowExecutionsRequest {
        namespace: namespace.to_owned(),
        ..ListWorkflowExecutionsRequest::default()
    };
    let count = CountWorkflowExecutionsRequest { namespace: "default".to_owned(), ..Default::default() };
    let own = list("default");
    let mut listed = Box::pin(invoke(&frontend, workflow_service::LIST_WORKFLOW_EXECUTIONS, &own));
    let mut counted = Box::pin(invoke(&frontend, workflow_service::COUNT_WORKFLOW_EXECUTIONS, &count));
    let wait = [futures::poll!(&mut listed).is_pending(), futures::poll!(&mut counted).is_pending()];
    assert_eq!(wait, [true, true]);
    invoke(&frontend, workflow_service::LIST_WORKFLOW_EXECUTIONS, &list("other")).await.unwrap();
    drop(turn);
    listed.await.unwrap();
    counted.await.unwrap();
}
