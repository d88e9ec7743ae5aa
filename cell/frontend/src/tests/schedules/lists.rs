//! Lists and counts of schedules.

use crate::dynamic_config::DynamicConfig;
use crate::fakes::{FakeCell, NAMESPACE_ID, invoke};
use crate::frontend::Frontend;
use crate::namespaces::{Namespace, NamespaceRegistry};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::Memo;
use atoll_api::temporal::api::schedule::v1::{Range, ScheduleListInfo, ScheduleSpec, StructuredCalendarSpec};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_internal_api::entity::EntityKind;
use atoll_internal_api::entity::schedules::{
    DIVISION, LIST_INFO, PAUSED, WORKFLOW_ID_PREFIX, list_info_payload,
};
use cell_visibility::{
    AttributeType, ExecutionStatus, MemoryVisibility, RecordId, Value, VisibilityRecord, VisibilityStore,
};
use prost::Message;
use std::sync::Arc;

/// The record of a schedule that was made at that second.
fn record(id: &str, second: i64) -> VisibilityRecord {
    let calendar =
        StructuredCalendarSpec { hour: vec![Range { start: 3, ..Range::default() }], ..Default::default() };
    let info = ScheduleListInfo {
        notes: format!("notes of {id}"),
        spec: Some(ScheduleSpec { structured_calendar: vec![calendar], ..ScheduleSpec::default() }),
        ..ScheduleListInfo::default()
    };
    let memo = Memo { fields: [(LIST_INFO.to_owned(), list_info_payload(&info))].into() };
    VisibilityRecord {
        namespace_id: NAMESPACE_ID,
        workflow_id: format!("{WORKFLOW_ID_PREFIX}{id}"),
        id: RecordId::Singleton { kind: EntityKind::numbered(3), id: id.into() },
        workflow_type: "hidden".to_owned(),
        task_queue: "hidden".to_owned(),
        start_time: second * 1_000_000_000,
        execution_time: second * 1_000_000_000,
        close_time: None,
        status: ExecutionStatus::Running,
        history_length: None,
        history_size_bytes: None,
        state_transition_count: None,
        execution_duration: None,
        parent: None,
        root: None,
        division: Some(DIVISION.to_owned()),
        memo: memo.encode_to_vec().into(),
        search_attributes: [(PAUSED.to_owned(), Value::Bool(id == "paused"))].into(),
        position: 1,
    }
}

/// Four schedules, one of them deleted, and a workflow, in a namespace with the attribute `Customer`.
async fn frontend() -> Arc<Frontend> {
    let store = Arc::new(MemoryVisibility::new());
    let customer = ("Customer".to_owned(), Value::Keyword("acme".to_owned()));
    let mut tagged = record("tagged", 3);
    tagged
        .search_attributes
        .extend([customer, ("BuildIds".to_owned(), Value::KeywordList(vec!["b".to_owned()]))]);
    let mut memo = Memo::decode(tagged.memo).unwrap();
    memo.fields.insert("note".to_owned(), super::json("\"kept\""));
    tagged.memo = memo.encode_to_vec().into();
    let deleted = VisibilityRecord {
        status: ExecutionStatus::Terminated,
        close_time: Some(9_000_000_000),
        ..record("deleted", 4)
    };
    let workflow = VisibilityRecord {
        id: RecordId::Run(uuid::Uuid::from_u128(1)),
        workflow_id: "w".to_owned(),
        division: None,
        ..record("w", 5)
    };
    store.upsert(&[record("plain", 1), record("paused", 2), tagged, deleted, workflow]).await.unwrap();
    let namespaces = NamespaceRegistry::default();
    let keyword = AttributeType::Keyword.number();
    let spec = NamespaceSpec {
        id: NAMESPACE_ID.as_bytes().to_vec().into(),
        name: "default".to_owned(),
        search_attributes: [("Customer".to_owned(), keyword)].into(),
        ..NamespaceSpec::default()
    };
    namespaces.put(Arc::new(Namespace { id: NAMESPACE_ID, name: "default".into(), spec }));
    FakeCell::new().frontend(|deps| {
        deps.ports.visibility = store;
        deps.namespaces = Arc::new(namespaces);
        let config = DynamicConfig { namespace_visibility_rps: 1_000.0, ..DynamicConfig::default() };
        deps.config = Arc::new(config);
    })
}

fn list(query: &str) -> wf::ListSchedulesRequest {
    wf::ListSchedulesRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
        ..wf::ListSchedulesRequest::default()
    }
}

async fn ids(frontend: &Arc<Frontend>, query: &str) -> Result<Vec<String>, Status> {
    let listed = invoke(frontend, workflow_service::LIST_SCHEDULES, &list(query)).await?;
    Ok(listed.schedules.into_iter().map(|entry| entry.schedule_id).collect())
}

async fn count(frontend: &Arc<Frontend>, query: &str) -> Result<wf::CountSchedulesResponse, Status> {
    let request = wf::CountSchedulesRequest { namespace: "default".to_owned(), query: query.to_owned() };
    invoke(frontend, workflow_service::COUNT_SCHEDULES, &request).await
}

#[tokio::test]
async fn entries_show_the_schedule_and_nothing_of_its_record() {
    let frontend = frontend().await;
    let listed = invoke(&frontend, workflow_service::LIST_SCHEDULES, &list("")).await.unwrap();
    let [tagged, paused, plain] = listed.schedules.as_slice() else { panic!("{listed:?}") };
    assert_eq!(
        (&*tagged.schedule_id, &*paused.schedule_id, &*plain.schedule_id),
        ("tagged", "paused", "plain")
    );
    let info = plain.info.as_ref().unwrap();
    assert_eq!(info.notes, "notes of plain");
    let hour = &info.spec.as_ref().unwrap().structured_calendar[0].hour;
    assert_eq!(hour.as_slice(), [Range { start: 3, end: 3, step: 1 }], "as describe shows it");
    assert_eq!((plain.memo.as_ref(), plain.search_attributes.as_ref()), (None, None));
    let memo = tagged.memo.as_ref().unwrap();
    assert_eq!(memo.fields.keys().collect::<Vec<_>>(), ["note"]);
    let attributes = tagged.search_attributes.as_ref().unwrap();
    assert_eq!(attributes.indexed_fields.keys().collect::<Vec<_>>(), ["Customer"]);
}

#[test]
fn entries_show_five_coming_times_of_those_that_are_held() {
    let time = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
    let shown = |paused: bool, now: i64| {
        let future_action_times = (1..=10).map(time).collect();
        let info = ScheduleListInfo { paused, future_action_times, ..ScheduleListInfo::default() };
        let memo = Memo { fields: [(LIST_INFO.to_owned(), list_info_payload(&info))].into() };
        let record = VisibilityRecord { memo: memo.encode_to_vec().into(), ..record("s", 1) };
        let entry = crate::rpcs::schedules::entry(record, &time(now)).unwrap();
        entry.info.unwrap().future_action_times.iter().map(|time| time.seconds).collect::<Vec<_>>()
    };
    assert_eq!(shown(false, 0), [1, 2, 3, 4, 5]);
    assert_eq!(shown(false, 4), [5, 6, 7, 8, 9]);
    assert_eq!(shown(false, 8), [9, 10]);
    assert_eq!(shown(true, 8), [1, 2, 3, 4, 5], "nothing passes in a pause");
}

#[tokio::test]
async fn filters_find_schedules_by_id_attribute_and_pause() {
    let frontend = frontend().await;
    for (query, expected) in [
        ("ScheduleId = 'plain'", vec!["plain"]),
        ("ScheduleId STARTS_WITH 'p'", vec!["paused", "plain"]),
        ("ScheduleId IN ('tagged', 'deleted', 'w')", vec!["tagged"]),
        ("Customer = 'acme'", vec!["tagged"]),
        ("TemporalSchedulePaused = true OR Customer = 'acme'", vec!["tagged", "paused"]),
        ("SchedulePaused = false", vec!["tagged", "plain"]),
        ("NOT ScheduleId = 'plain'", vec!["tagged", "paused"]),
    ] {
        assert_eq!(ids(&frontend, query).await.unwrap(), expected, "{query}");
        assert_eq!(count(&frontend, query).await.unwrap().count, expected.len() as i64, "{query}");
    }
}

#[tokio::test]
async fn filters_on_the_record_are_refused() {
    let frontend = frontend().await;
    let cannot = |name: &str| format!("invalid query filter for schedules: cannot filter on \"{name}\"");
    for (query, text) in [
        ("WorkflowId = 'x'", cannot("WorkflowId")),
        ("ScheduleId = 'a' OR NOT (CloseTime IS NULL)", cannot("CloseTime")),
        ("TemporalNamespaceDivision = 'x'", cannot("TemporalNamespaceDivision")),
        ("ORDER BY StartTime", cannot("StartTime")),
        ("Nobody = 1", "Namespace default has no mapping defined for search attribute Nobody".to_owned()),
        (
            "ORDER BY ScheduleId DESC",
            "invalid query: operation is not supported: 'order by' clause".to_owned(),
        ),
    ] {
        for refused in [ids(&frontend, query).await.unwrap_err(), count(&frontend, query).await.unwrap_err()]
        {
            assert_eq!((refused.code, refused.message), (Code::InvalidArgument, text.clone()), "{query}");
        }
    }
    for request in [
        wf::ListSchedulesRequest { next_page_token: b"garbage".as_slice().into(), ..list("") },
        list("ScheduleId = "),
        list("GROUP BY ExecutionStatus"),
    ] {
        let refused = invoke(&frontend, workflow_service::LIST_SCHEDULES, &request).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "{request:?}");
    }
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let frontend = frontend().await;
    let mut request = wf::ListSchedulesRequest { maximum_page_size: 2, ..list("") };
    let first = invoke(&frontend, workflow_service::LIST_SCHEDULES, &request).await.unwrap();
    assert_eq!(first.schedules.len(), 2);
    request.next_page_token = first.next_page_token;
    let second = invoke(&frontend, workflow_service::LIST_SCHEDULES, &request).await.unwrap();
    assert_eq!(second.schedules[0].schedule_id, "plain");
    assert!(second.next_page_token.is_empty());
}

#[tokio::test]
async fn counts_may_be_apart_by_status() {
    let counted = count(&frontend().await, "GROUP BY ExecutionStatus").await.unwrap();
    assert_eq!(counted.count, 3);
    let groups: Vec<_> = counted.groups.iter().map(|it| (&it.group_values[0].data[..], it.count)).collect();
    assert_eq!(groups, [(&b"\"Running\""[..], 3)]);
}

#[tokio::test]
async fn lists_have_the_rate_of_reads() {
    let config = DynamicConfig { namespace_visibility_rps: 1.0, ..DynamicConfig::default() };
    let frontend = FakeCell::new().frontend(|deps| deps.config = Arc::new(config));
    assert_eq!(ids(&frontend, "").await, Ok(Vec::new()));
    assert_eq!(count(&frontend, "").await.unwrap_err().code, Code::ResourceExhausted);
}
