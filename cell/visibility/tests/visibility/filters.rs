//! What the language accepts, what it says of the rest, and what names, operators and values mean.

use cell_visibility::{
    Attribute, AttributeType, CompareOp, Predicate, Schema, Scope, SystemField, Value, compile,
    compile_count, parse,
};

fn schema() -> Schema {
    Schema::with_custom(AttributeType::ALL.map(|of| (format!("My{of}"), of)))
}

fn refusal(filter: &str) -> String {
    match compile(filter, &schema(), Scope::Default) {
        Ok(predicate) => panic!("{filter} is accepted: {predicate:?}"),
        Err(error) => error.to_string(),
    }
}

/// The filter without what the scope adds.
fn compiled(filter: &str) -> Predicate {
    let all = compile(filter, &schema(), Scope::Default).unwrap_or_else(|error| panic!("{filter}: {error}"));
    match all {
        Predicate::And(mut operands) if operands.first() == Some(&Predicate::no_division()) => {
            operands.remove(0);
            if operands.len() == 1 { operands.remove(0) } else { Predicate::And(operands) }
        }
        other => other,
    }
}

#[test]
fn precedence_and_spelling() {
    for (text, printed) in [
        ("a=1 or b=2 and not c=3 or d=4", "a = 1 OR (b = 2 AND NOT c = 3) OR d = 4"),
        ("not (a=1 and b=2)", "NOT (a = 1 AND b = 2)"),
        ("not not a=1 and b=2", "NOT NOT a = 1 AND b = 2"),
        ("(((a = 1)))", "a = 1"),
        ("a<>1 AND b not in ('x',\"y\")", "a != 1 AND b NOT IN ('x', 'y')"),
        ("a between 1 and 2 and b is not null", "a BETWEEN 1 AND 2 AND b IS NOT NULL"),
        ("`my key` starts_with \"it's\"", "`my key` STARTS_WITH 'it''s'"),
        ("`and` = TRUE", "`and` = true"),
        ("\n a\t=\r\n-1.50", "a = -1.5"),
    ] {
        let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.filter.expect("a filter").to_string(), printed);
    }
    assert_eq!(parse("  ").expect("empty").filter, None);
    assert_eq!(parse("group by A, b").expect("a clause").group_by, ["A", "b"]);
}

#[test]
fn malformed_filters_say_where() {
    for (text, message) in [
        ("a = ", "expected a value (strings stand in quotes) at position 5"),
        ("a = b", "expected a value (strings stand in quotes) at position 5 near 'b'"),
        ("a", "expected an operator at position 2"),
        ("a = 1 b = 2", "expected AND, OR or the end at position 7 near 'b'"),
        ("(a = 1", "expected AND, OR or ')' at position 7"),
        ("a IN ()", "expected a value (strings stand in quotes) at position 7 near ')'"),
        ("a IS 5", "expected NULL at position 6 near '5'"),
        ("'x' = a", "expected a search attribute at position 1 near ''x''"),
        ("AND", "expected a search attribute at position 1 near 'AND'"),
        ("a = 'x", "the closing quote is missing at position 5 near ''x'"),
        ("a = NULL", "expected a value (strings stand in quotes) at position 5 near 'NULL'"),
        ("a = 99999999999999999999", "not a number of 64 bits at position 5 near '99999999999999999999'"),
        ("GROUP BY", "expected a search attribute after GROUP BY at position 9"),
        ("ORDER a", "expected BY after ORDER at position 7 near 'a'"),
        ("ORDER BY a b", "expected AND, OR or the end at position 12 near 'b'"),
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert_eq!(error, format!("invalid query: malformed query: {message}"));
    }
}

#[test]
fn sql_beyond_the_language_is_named() {
    let prefix = "invalid query: operation is not supported: ";
    assert_eq!(refusal("ORDER BY StartTime"), format!("{prefix}'order by' clause"));
    assert_eq!(refusal("WorkflowId = 'a' order by StartTime desc"), format!("{prefix}'order by' clause"));
    assert_eq!(refusal("WorkflowId = 'a' LIMIT 5"), format!("{prefix}'limit' clause"));
    assert_eq!(refusal("WorkflowId LIKE 'a%'"), format!("{prefix}'LIKE' operator"));
    assert_eq!(refusal("GROUP BY ExecutionStatus"), format!("{prefix}'GROUP BY' clause in a list"));
    for text in ["GROUP BY WorkflowType", "GROUP BY MyKeyword", "GROUP BY ExecutionStatus, WorkflowType"] {
        let error = compile_count(text, &schema(), Scope::Default).expect_err(text).to_string();
        assert!(error.starts_with(&format!("{prefix}'GROUP BY' clause")), "{error}");
    }
    let unknown =
        compile_count("GROUP BY Nothing", &schema(), Scope::Default).expect_err("unknown").to_string();
    assert!(unknown.contains("'Nothing' is not a valid search attribute"), "{unknown}");
}

#[test]
fn a_query_tells_what_it_names() {
    for (text, names) in [
        ("", vec![]),
        ("a = 1", vec!["a"]),
        ("a = 1 AND NOT (b IS NULL OR `c d` IN (1)) OR a > 5", vec!["a", "b", "c d", "a"]),
        ("a = 1 GROUP BY b", vec!["a"]),
        ("a = 1 order by b desc, c, d ASC", vec!["a", "b", "c", "d"]),
    ] {
        assert_eq!(parse(text).expect(text).names(), names, "{text}");
    }
}

#[test]
fn names_operators_and_values_are_checked() {
    for (filter, message) in [
        ("Nope = 1", "invalid expression: column name 'Nope' is not a valid search attribute"),
        (
            "MyText STARTS_WITH 'a'",
            "invalid expression: operator 'STARTS_WITH' not supported for Text type search attribute 'MyText'",
        ),
        (
            "MyBool < true",
            "invalid expression: operator '<' not supported for Bool type search attribute 'MyBool'",
        ),
        (
            "MyInt = 'five'",
            "invalid expression: invalid value for search attribute MyInt of type Int: 'five'",
        ),
        ("ExecutionStatus = 'Runing'", "invalid expression: invalid ExecutionStatus value 'Runing'"),
        ("ExecutionStatus = 99", "invalid expression: invalid ExecutionStatus value 99"),
    ] {
        assert_eq!(refusal(filter), format!("invalid query: {message}"));
    }
}

#[test]
fn each_type_takes_its_operators_only() {
    let tests: [(&str, &str); 8] = [
        ("=", "= {}"),
        ("!=", "!= {}"),
        ("<", "< {}"),
        (">=", ">= {}"),
        ("IN", "IN ({}, {})"),
        ("NOT BETWEEN", "NOT BETWEEN {} AND {}"),
        ("STARTS_WITH", "STARTS_WITH {}"),
        ("IS NULL", "IS NULL"),
    ];
    let everything: &[&str] = &["=", "!=", "<", ">=", "IN", "NOT BETWEEN", "STARTS_WITH", "IS NULL"];
    let ordered: &[&str] = &["=", "!=", "<", ">=", "IN", "NOT BETWEEN", "IS NULL"];
    for (name, value, allowed) in [
        ("MyKeyword", "'x'", everything),
        ("WorkflowId", "'x'", everything),
        ("ExecutionStatus", "'Running'", &["=", "!=", "IN", "IS NULL"]),
        ("MyKeywordList", "'x'", &["=", "!=", "IN", "IS NULL"]),
        ("MyText", "'x'", &["=", "!=", "IS NULL"]),
        ("MyBool", "true", &["=", "!=", "IS NULL"]),
        ("MyInt", "1", ordered),
        ("MyInt", "1.5", ordered),
        ("MyDouble", "1", ordered),
        ("MyDatetime", "'2024-01-01T00:00:00Z'", ordered),
        ("MyDatetime", "5", ordered),
        ("ExecutionDuration", "'1h'", ordered),
    ] {
        for (operator, test) in tests {
            let filter = format!("{name} {}", test.replace("{}", value));
            let accepted = compile(&filter, &schema(), Scope::Default).is_ok();
            assert_eq!(accepted, allowed.contains(&operator), "{filter}");
        }
    }
}

#[test]
fn each_type_takes_its_values_only() {
    let values = ["'x'", "'2024-01-01T00:00:00Z'", "'7'", "7", "7.5", "true", "'1h'", "'Running'", "' - '"];
    for (name, allowed) in [
        ("MyKeyword", &["'x'", "'2024-01-01T00:00:00Z'", "'7'", "'1h'", "'Running'", "' - '"] as &[&str]),
        ("MyKeywordList", &["'x'", "'2024-01-01T00:00:00Z'", "'7'", "'1h'", "'Running'", "' - '"]),
        ("MyText", &["'x'", "'2024-01-01T00:00:00Z'", "'7'", "'1h'", "'Running'"]),
        ("MyInt", &["7", "7.5"]),
        ("MyDouble", &["7", "7.5"]),
        ("MyBool", &["true"]),
        ("MyDatetime", &["'2024-01-01T00:00:00Z'", "'7'", "7"]),
        ("ExecutionDuration", &["'7'", "7", "'1h'"]),
        ("ExecutionStatus", &["7", "'Running'"]),
    ] {
        for value in values {
            let accepted = compile(&format!("{name} = {value}"), &schema(), Scope::Default).is_ok();
            assert_eq!(accepted, allowed.contains(&value), "{name} = {value}");
        }
    }
}

#[test]
fn values_become_what_records_hold() {
    let compare = |field, value| Predicate::compare(field, CompareOp::Equal, value);
    for (filter, predicate) in [
        ("ExecutionStatus = 7", compare(SystemField::ExecutionStatus, Value::Keyword("TimedOut".into()))),
        (
            "ExecutionStatus = 'WORKFLOW_EXECUTION_STATUS_TIMED_OUT'",
            compare(SystemField::ExecutionStatus, Value::Keyword("TimedOut".into())),
        ),
        (
            "ExecutionDuration = '1h30m'",
            compare(SystemField::ExecutionDuration, Value::Int(5_400_000_000_000)),
        ),
        (
            "StartTime = '1970-01-01T00:00:01.5Z'",
            compare(SystemField::StartTime, Value::Datetime(1_500_000_000)),
        ),
        ("TemporalStartTime = 5", compare(SystemField::StartTime, Value::Datetime(5))),
        (
            "ScheduleId = 's'",
            compare(SystemField::WorkflowId, Value::Keyword("temporal-sys-scheduler:s".into())),
        ),
    ] {
        assert_eq!(compiled(filter), predicate, "{filter}");
    }
    let double = Predicate::Compare {
        attribute: Attribute::search("MyDouble", AttributeType::Double),
        op: CompareOp::Greater,
        value: Value::Double(2.0),
    };
    assert_eq!(compiled("MyDouble > 2"), double);
}

#[test]
fn the_scope_hides_divisions_unless_mentioned() {
    let all = |filter: &str, scope| compile(filter, &schema(), scope).expect("compiles");
    let id = Predicate::compare(SystemField::WorkflowId, CompareOp::Equal, Value::Keyword("a".into()));
    assert_eq!(all("", Scope::Default), Predicate::And(vec![Predicate::no_division()]));
    let both = Predicate::And(vec![Predicate::no_division(), id.clone()]);
    assert_eq!(all("WorkflowId = 'a'", Scope::Default), both);
    assert_eq!(all("TemporalNamespaceDivision = 'A'", Scope::Default), Predicate::division("A"));
    let within = all("NOT (WorkflowId = 'a' OR NamespaceDivision IS NULL)", Scope::Default);
    assert!(matches!(within, Predicate::Not(_)));
    let divided = Predicate::And(vec![Predicate::division("D"), id]);
    assert_eq!(all("WorkflowId = 'a'", Scope::Division("D")), divided);
}
