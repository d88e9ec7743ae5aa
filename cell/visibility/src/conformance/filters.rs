//! What filters find, type by type.

use super::fixture::{SECOND, closed, expect, open, upsert, with};
use crate::{
    record::{ExecutionRef, VisibilityRecord},
    status::ExecutionStatus::{Completed, Failed, TimedOut},
    store::VisibilityStore,
    value::Value,
};

fn keyword(number: u128, text: &str) -> VisibilityRecord {
    with(number, "MyKeyword", Value::Keyword(text.to_owned()))
}

fn list(number: u128, members: &[&str]) -> VisibilityRecord {
    let members = members.iter().map(|member| (*member).to_owned()).collect();
    with(number, "MyKeywordList", Value::KeywordList(members))
}

fn text(number: u128, text: &str) -> VisibilityRecord {
    with(number, "MyText", Value::Text(text.to_owned()))
}

pub(super) async fn every_operator_of_keywords(store: &dyn VisibilityStore) {
    upsert(store, &[keyword(1, "apple"), keyword(2, "apricot"), keyword(3, "banana"), open(4)]).await;
    expect(
        store,
        &[
            ("MyKeyword = 'apple'", &[1]),
            ("MyKeyword != 'apple'", &[2, 3]),
            ("MyKeyword < 'apricot'", &[1]),
            ("MyKeyword <= 'apricot'", &[1, 2]),
            ("MyKeyword > 'apricot'", &[3]),
            ("MyKeyword >= 'apricot'", &[2, 3]),
            ("MyKeyword IN ('apple', 'banana', 'cherry')", &[1, 3]),
            ("MyKeyword NOT IN ('apple', 'cherry')", &[2, 3]),
            ("MyKeyword BETWEEN 'apple' AND 'apricot'", &[1, 2]),
            ("MyKeyword NOT BETWEEN 'b' AND 'c'", &[1, 2]),
            ("MyKeyword STARTS_WITH 'ap'", &[1, 2]),
            ("MyKeyword NOT STARTS_WITH 'ap'", &[3]),
            ("MyKeyword STARTS_WITH ''", &[1, 2, 3]),
            ("MyKeyword IS NULL", &[4]),
            ("MyKeyword IS NOT NULL", &[1, 2, 3]),
            ("MyKeyword = 'banana' OR MyKeyword = 'apple' AND WorkflowId = 'workflow-2'", &[3]),
            ("(MyKeyword = 'banana' OR MyKeyword = 'apple') AND NOT WorkflowId = 'workflow-3'", &[1]),
        ],
    )
    .await;
}

pub(super) async fn keywords_compare_bytewise(store: &dyn VisibilityStore) {
    let words = ["a%b", "a_b", "A%b", "aXb", "é", "a\\%b"];
    let records: Vec<_> = (1..).zip(words).map(|(number, word)| keyword(number, word)).collect();
    upsert(store, &records).await;
    expect(
        store,
        &[
            ("MyKeyword = 'a%b'", &[1]),
            ("MyKeyword STARTS_WITH 'a%'", &[1]),
            ("MyKeyword STARTS_WITH 'a_'", &[2]),
            ("MyKeyword STARTS_WITH 'a\\\\'", &[6]),
            ("MyKeyword STARTS_WITH 'A'", &[3]),
            ("MyKeyword < 'a'", &[3]),
            ("MyKeyword > 'z'", &[5]),
        ],
    )
    .await;
}

pub(super) async fn lists_compare_by_member(store: &dyn VisibilityStore) {
    upsert(store, &[list(1, &["a", "b"]), list(2, &["b", "c"]), list(3, &["ab"]), open(4)]).await;
    expect(
        store,
        &[
            ("MyKeywordList = 'b'", &[1, 2]),
            ("MyKeywordList != 'a'", &[2, 3]),
            ("MyKeywordList IN ('a', 'c')", &[1, 2]),
            ("MyKeywordList NOT IN ('a', 'c')", &[3]),
            ("NOT MyKeywordList = 'b'", &[3]),
            ("MyKeywordList = 'a' AND MyKeywordList = 'b'", &[1]),
            ("MyKeywordList IS NULL", &[4]),
            ("MyKeywordList IS NOT NULL", &[1, 2, 3]),
        ],
    )
    .await;
}

pub(super) async fn texts_compare_by_word(store: &dyn VisibilityStore) {
    let texts = [
        text(1, "An URGENT order"),
        text(2, "refund, order-42"),
        text(3, "other"),
        open(4),
        text(5, "CAFÉ\0naïve Ж 東京"),
        text(6, " -- "),
    ];
    upsert(store, &texts).await;
    expect(
        store,
        &[
            ("MyText = 'order'", &[1, 2]),
            ("MyText = 'urgent refund'", &[1, 2]),
            ("MyText = '42'", &[2]),
            ("MyText = 'ord'", &[]),
            ("MyText != 'order'", &[3, 5, 6]),
            ("MyText = 'café' AND MyText = 'NAÏVE' AND MyText = 'ж' AND MyText = '東京'", &[5]),
            ("MyText = 'caf' OR MyText = 'cafe' OR MyText = '東'", &[]),
            ("MyText IS NULL", &[4]),
            ("MyText IS NOT NULL", &[1, 2, 3, 5, 6]),
        ],
    )
    .await;
}

pub(super) async fn numbers_compare_by_value(store: &dyn VisibilityStore) {
    const BIG: i64 = 9_007_199_254_740_993;
    let int = |number, value| with(number, "MyInt", Value::Int(value));
    let double = |number, value| with(number, "MyDouble", Value::Double(value));
    let records = [
        int(1, -5),
        int(2, 3),
        int(3, BIG),
        int(4, BIG - 1),
        double(5, 0.5),
        double(6, -3.0),
        double(7, 1e300),
    ];
    upsert(store, &records).await;
    expect(
        store,
        &[
            ("MyInt = 9007199254740993", &[3]),
            ("MyInt != 3", &[1, 3, 4]),
            ("MyInt < 3", &[1]),
            ("MyInt >= 3", &[2, 3, 4]),
            ("MyInt > 2.5 AND MyInt < 3.5", &[2]),
            ("MyInt IN (3, -5)", &[1, 2]),
            ("MyInt NOT IN (3, -5)", &[3, 4]),
            ("MyInt BETWEEN -5 AND 3", &[1, 2]),
            ("MyInt NOT BETWEEN -5 AND 3", &[3, 4]),
            ("MyDouble = 0.5", &[5]),
            ("MyDouble = -3", &[6]),
            ("MyDouble > 0", &[5, 7]),
            ("MyDouble BETWEEN -3.5 AND 0.5", &[5, 6]),
            ("MyDouble >= 1e300", &[7]),
            ("MyDouble IN (0.5, 7)", &[5]),
        ],
    )
    .await;
}

pub(super) async fn times_and_durations(store: &dyn VisibilityStore) {
    let mine = with(4, "MyDatetime", Value::Datetime(1_704_067_200_000_000_001));
    upsert(store, &[open(1), closed(2, 1, Completed), closed(3, 3_600, Failed), mine]).await;
    expect(
        store,
        &[
            ("StartTime = '2024-01-01T00:00:01Z'", &[1]),
            ("StartTime > '2024-01-01T01:00:01.999999999+01:00'", &[2, 3, 4]),
            ("StartTime BETWEEN '2024-01-01T00:00:02Z' AND 1704067203000000000", &[2, 3]),
            ("CloseTime IS NULL", &[1, 4]),
            ("CloseTime >= '2024-01-01T00:00:03Z'", &[2, 3]),
            ("ExecutionDuration > '30m'", &[3]),
            ("ExecutionDuration = '00:00:01'", &[2]),
            ("ExecutionDuration BETWEEN 1000000000 AND '1h'", &[2, 3]),
            ("ExecutionDuration IS NULL", &[1, 4]),
            ("MyDatetime = '2024-01-01T00:00:00.000000001Z'", &[4]),
            ("MyDatetime > '2024-01-01T00:00:00Z' AND MyDatetime < '2024-01-01T00:00:00.000000002Z'", &[4]),
        ],
    )
    .await;
}

pub(super) async fn booleans(store: &dyn VisibilityStore) {
    upsert(store, &[with(1, "MyBool", Value::Bool(true)), with(2, "MyBool", Value::Bool(false)), open(3)])
        .await;
    expect(
        store,
        &[
            ("MyBool = true", &[1]),
            ("MyBool != TRUE", &[2]),
            ("NOT MyBool = true", &[2]),
            ("MyBool IS NULL", &[3]),
        ],
    )
    .await;
}

pub(super) async fn nulls_are_unknown(store: &dyn VisibilityStore) {
    upsert(store, &[keyword(1, "x"), open(2)]).await;
    expect(
        store,
        &[
            ("NOT MyKeyword = 'y'", &[1]),
            ("NOT (MyKeyword = 'y' AND WorkflowId = 'workflow-2')", &[1]),
            ("NOT (MyKeyword = 'y' AND WorkflowId = 'workflow-1')", &[1, 2]),
            ("MyKeyword = 'y' OR WorkflowId = 'workflow-2'", &[2]),
            ("NOT (MyKeyword NOT IN ('y') OR MyInt = 1)", &[]),
            ("NOT NOT MyKeyword = 'x'", &[1]),
            ("NOT MyKeyword IS NULL", &[1]),
            ("MyInt < 5 OR MyInt >= 5", &[]),
        ],
    )
    .await;
}

pub(super) async fn system_attributes(store: &dyn VisibilityStore) {
    let relative = |id: &str, number| {
        Some(ExecutionRef { workflow_id: id.to_owned(), run_id: uuid::Uuid::from_u128(number) })
    };
    let child = VisibilityRecord {
        parent: relative("parent", 70),
        root: relative("root", 71),
        workflow_type: "Child".to_owned(),
        task_queue: "other".to_owned(),
        ..closed(1, 2, TimedOut)
    };
    let schedule = VisibilityRecord {
        workflow_id: "temporal-sys-scheduler:nightly".to_owned(),
        division: Some("TemporalScheduler".to_owned()),
        ..open(3)
    };
    let delayed = VisibilityRecord { execution_time: open(2).start_time + 60 * SECOND, ..open(2) };
    upsert(store, &[child, delayed, schedule]).await;
    expect(
        store,
        &[
            ("WorkflowId = 'workflow-1'", &[1]),
            ("RunId = '00000000-0000-0000-0000-000000000002'", &[2]),
            ("RunId STARTS_WITH '00000000-0000'", &[1, 2]),
            ("WorkflowType = 'Child'", &[1]),
            ("TaskQueue != 'other'", &[2]),
            ("ExecutionStatus = 'TimedOut'", &[1]),
            ("ExecutionStatus = 1", &[2]),
            ("ExecutionStatus IN ('Running', 'TimedOut')", &[1, 2]),
            ("ExecutionStatus NOT IN ('Running', 2)", &[1]),
            ("ParentWorkflowId = 'parent' AND RootWorkflowId = 'root'", &[1]),
            ("ParentRunId = '00000000-0000-0000-0000-000000000046'", &[1]),
            ("RootRunId IS NULL", &[2]),
            ("ExecutionTime > '2024-01-01T00:01:00Z'", &[2]),
            ("HistoryLength = 10 AND HistorySizeBytes > 999 AND StateTransitionCount <= 5", &[1]),
            ("HistoryLength IS NULL", &[2]),
            ("TemporalNamespaceDivision = 'TemporalScheduler' AND ScheduleId STARTS_WITH 'night'", &[3]),
        ],
    )
    .await;
}

pub(super) async fn divisions_are_hidden_unless_mentioned(store: &dyn VisibilityStore) {
    let divided = VisibilityRecord { division: Some("A".to_owned()), ..open(2) };
    upsert(store, &[open(1), divided]).await;
    expect(
        store,
        &[
            ("", &[1]),
            ("WorkflowType = 'Type'", &[1]),
            ("TemporalNamespaceDivision = 'A'", &[2]),
            ("TemporalNamespaceDivision IS NOT NULL OR WorkflowType = 'Type'", &[1, 2]),
        ],
    )
    .await;
}

pub(super) async fn an_attribute_of_another_type_is_null(store: &dyn VisibilityStore) {
    // Left from before the attribute was registered anew.
    let records = [
        with(1, "MyInt", Value::Keyword("5".to_owned())),
        with(2, "MyKeyword", Value::Int(5)),
        with(3, "MyKeyword", Value::KeywordList(vec!["5".to_owned()])),
        with(4, "MyInt", Value::Int(5)),
    ];
    upsert(store, &records).await;
    expect(
        store,
        &[
            ("MyInt = 5", &[4]),
            ("MyInt != 7", &[4]),
            ("MyInt IS NULL", &[1, 2, 3]),
            ("MyKeyword = '5' OR MyKeyword != '5'", &[]),
            ("MyKeyword IS NOT NULL", &[]),
        ],
    )
    .await;
}
