//! The largest and the oddest that an engine must take.

use super::fixture::{found, listed, upsert, with};
use crate::{
    filter::{
        parser::{MAX_CONDITIONS, MAX_DEPTH, MAX_FILTER_VALUES, MAX_NEGATIONS},
        predicate::Predicate,
    },
    record::VisibilityRecord,
    store::VisibilityStore,
    value::Value,
};

pub(super) async fn the_largest_filters_are_answered(store: &dyn VisibilityStore) {
    let text = with(3, "MyText", Value::Text("the LAST of them".to_owned()));
    upsert(store, &[with(1, "MyInt", Value::Int(1)), with(2, "MyInt", Value::Int(-2)), text]).await;
    let any = (1..=MAX_CONDITIONS).map(|n| format!("MyInt = {n}")).collect::<Vec<_>>().join(" OR ");
    assert_eq!(found(store, &any).await, [1]);
    let all = (1..=MAX_NEGATIONS).map(|n| format!("MyInt != {n}")).collect::<Vec<_>>().join(" AND ");
    assert_eq!(found(store, &all).await, [2]);
    let values = (1..=MAX_FILTER_VALUES).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(found(store, &format!("MyInt IN ({values})")).await, [1]);
    let words = (1..MAX_FILTER_VALUES).map(|n| format!("w{n} ")).collect::<String>();
    assert_eq!(found(store, &format!("MyText = '{words} Last'")).await, [3]);
    assert_eq!(found(store, &format!("MyText != '{words} missing'")).await, [3]);
    let values = (1..MAX_FILTER_VALUES).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(found(store, &format!("MyInt IN ({values}) OR MyText = '{words} last'")).await, [1, 3]);
    let nots = "NOT ".repeat(MAX_DEPTH);
    assert_eq!(found(store, &format!("{nots}MyInt = 1")).await, [1]);
}

pub(super) async fn a_thousand_records_in_one_call(store: &dyn VisibilityStore) {
    let records: Vec<_> =
        (1..=1_001).map(|number| with(number, "MyInt", Value::Int(number as i64 % 10))).collect();
    upsert(store, &records).await;
    assert_eq!(listed(store, &Predicate::all()).await.len(), 1_001);
    assert_eq!(found(store, "MyInt = 3").await.len(), 100);
}

pub(super) async fn odd_strings_survive(store: &dyn VisibilityStore) {
    let odd = [
        "",
        " ",
        "'",
        "\"",
        "\\",
        "%_",
        "a\nb",
        "\u{1f980}",
        "null",
        "$.x",
        "a\"b.c[0]",
        "; DROP TABLE x",
        "\0",
        "a\0",
        "a\0b",
        "a\u{1}",
    ];
    let records: Vec<_> = (1..)
        .zip(odd)
        .map(|(number, text)| VisibilityRecord {
            workflow_id: text.to_owned(),
            workflow_type: text.to_owned(),
            task_queue: text.to_owned(),
            ..with(number, "MyKeyword", Value::Keyword(text.to_owned()))
        })
        .collect();
    upsert(store, &records).await;
    let mut read = listed(store, &Predicate::all()).await;
    read.sort_by_key(|record| record.id.clone());
    assert_eq!(read, records);
    assert_eq!(found(store, "MyKeyword STARTS_WITH 'a\0'").await, [14, 15]);
    assert_eq!(found(store, "WorkflowType BETWEEN 'a\0' AND 'a\u{1}'").await, [14, 15, 16]);
    for (number, text) in (1..).zip(odd) {
        let quoted = text.replace('\\', "\\\\").replace('\'', "''");
        for name in ["WorkflowId", "MyKeyword"] {
            assert_eq!(found(store, &format!("{name} = '{quoted}'")).await, [number], "{text:?}");
            assert_eq!(found(store, &format!("{name} IN ('{quoted}', 'none')")).await, [number], "{text:?}");
        }
    }
}

/// Longer ones than an index takes, which begin alike.
pub(super) async fn long_values_compare_whole(store: &dyn VisibilityStore) {
    let long = |end: &str| "x".repeat(3_000) + end;
    let list = |members: &[&str]| Value::KeywordList(members.iter().map(|end| long(end)).collect());
    let records = [
        with(1, "MyKeyword", Value::Keyword(long(""))),
        with(2, "MyKeyword", Value::Keyword(long("a"))),
        with(3, "MyKeyword", Value::Keyword(long("b"))),
        with(4, "MyKeyword", Value::Keyword("x".repeat(999))),
        with(5, "MyKeywordList", list(&["a", "b"])),
        with(6, "MyText", Value::Text(format!("one {} two", long("a")))),
    ];
    upsert(store, &records).await;
    let (a, b) = (long("a"), long("b"));
    for (filter, numbers) in [
        (format!("MyKeyword = '{a}'"), vec![2]),
        (format!("MyKeyword != '{a}'"), vec![1, 3, 4]),
        (format!("MyKeyword > '{a}'"), vec![3]),
        (format!("MyKeyword < '{a}'"), vec![1, 4]),
        (format!("MyKeyword BETWEEN '{a}' AND '{b}'"), vec![2, 3]),
        (format!("MyKeyword STARTS_WITH '{}'", long("")), vec![1, 2, 3]),
        (format!("MyKeyword IN ('{a}', '{b}')"), vec![2, 3]),
        (format!("MyKeywordList = '{b}'"), vec![5]),
        (format!("NOT MyKeywordList = '{a}c'"), vec![5]),
        (format!("MyText = '{a}'"), vec![6]),
        (format!("MyText = '{b}'"), vec![]),
    ] {
        assert_eq!(found(store, &filter).await, numbers, "{}", &filter[..20]);
    }
}
