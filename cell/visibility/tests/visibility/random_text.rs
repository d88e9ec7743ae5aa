//! The parser on random text and random trees.

use cell_visibility::{
    AttributeType, CompareOp, Condition, Expr, FilterError, Literal, MAX_CONDITIONS, MAX_DEPTH,
    MAX_FILTER_BYTES, MAX_FILTER_VALUES, MAX_NEGATIONS, Schema, Scope, Test, compile, parse,
};
use proptest::prelude::*;

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<String>().prop_map(Literal::String),
        any::<i64>().prop_map(Literal::Int),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Literal::Double),
        any::<bool>().prop_map(Literal::Bool),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let op = prop::sample::select(vec![
        CompareOp::Equal,
        CompareOp::NotEqual,
        CompareOp::Less,
        CompareOp::LessOrEqual,
        CompareOp::Greater,
        CompareOp::GreaterOrEqual,
    ]);
    prop_oneof![
        (op, literal()).prop_map(|(op, value)| Test::Compare(op, value)),
        (any::<bool>(), prop::collection::vec(literal(), 1..4))
            .prop_map(|(negated, values)| Test::In { negated, values }),
        (any::<bool>(), literal(), literal()).prop_map(|(negated, low, high)| Test::Between {
            negated,
            low,
            high
        }),
        (any::<bool>(), literal()).prop_map(|(negated, prefix)| Test::StartsWith { negated, prefix }),
        any::<bool>().prop_map(|negated| Test::IsNull { negated }),
    ]
}

fn tree() -> impl Strategy<Value = Expr> {
    let name = prop_oneof!["[A-Za-z_][A-Za-z0-9_]{0,8}", any::<String>(), Just("between".to_owned())];
    let condition =
        (name, test()).prop_map(|(attribute, test)| Expr::Condition(Condition { attribute, test }));
    condition.prop_recursive(6, 64, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|operand| Expr::Not(Box::new(operand))),
        ]
    })
}

/// Pieces of the language in any order: nearer to it than random characters.
fn salad() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "AND",
        "or",
        "NOT",
        "(",
        ")",
        ",",
        "=",
        "!=",
        "<",
        ">=",
        "IN",
        "BETWEEN",
        "IS",
        "NULL",
        "STARTS_WITH",
        "'x'",
        "\"y\"",
        "'",
        "`",
        "`a`",
        "WorkflowId",
        "StartTime",
        "ExecutionStatus",
        "BuildIds",
        "1",
        "-2.5",
        "1e9",
        "true",
        "GROUP BY",
        "ORDER BY",
        "\\",
        "é",
        "''",
        "--",
        ";",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(atoll_seed::cases(1_000))]

    #[test]
    fn what_is_printed_parses_to_the_same(tree in tree()) {
        let text = tree.to_string();
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(parsed.filter, Some(tree), "{}", text);
    }

    #[test]
    fn random_text_never_panics(text in any::<String>()) {
        let _ = compile(&text, &Schema::new(), Scope::Default);
    }

    #[test]
    fn random_words_never_panic_and_accepted_ones_print(text in salad()) {
        let _ = compile(&text, &Schema::new(), Scope::Default);
        if let Ok(query) = parse(&text) {
            let printed = query.filter.as_ref().map(Expr::to_string).unwrap_or_default();
            prop_assert_eq!(parse(&printed).map(|again| again.filter), Ok(query.filter));
        }
    }
}

#[test]
fn every_limit_holds_at_its_number() {
    let too_large = |text: &str| matches!(parse(text), Err(FilterError::TooLarge { .. }));
    let nots = |count| format!("{}a = 1", "NOT ".repeat(count));
    let parentheses = |count| format!("{}a = 1{}", "(".repeat(count), ")".repeat(count));
    let conditions = |count| vec!["a = 1"; count].join(" AND ");
    let unequal = |count| vec!["a != 1"; count].join(" AND ");
    let missing = |count| vec!["a IS NULL"; count].join(" OR ");
    let outside = |count| vec!["a NOT IN (1)"; count].join(" AND ");
    let values = |count| format!("a IN ({})", vec!["1"; count].join(","));
    let bytes = |count: usize| format!("a = '{}'", "x".repeat(count - 6));
    for (make, limit) in [
        (&nots as &dyn Fn(usize) -> String, MAX_DEPTH),
        (&parentheses, MAX_DEPTH),
        (&conditions, MAX_CONDITIONS),
        (&unequal, MAX_NEGATIONS),
        (&missing, MAX_NEGATIONS),
        (&outside, MAX_NEGATIONS),
        (&values, MAX_FILTER_VALUES),
        (&bytes, MAX_FILTER_BYTES),
    ] {
        assert!(parse(&make(limit)).is_ok(), "{limit}");
        assert!(too_large(&make(limit + 1)), "{limit}");
    }
    let words = |count: usize| format!("a = '{}' OR NOT a != '{}'", "w ".repeat(count - 7), "W, ".repeat(7));
    let schema = Schema::with_custom([("a".to_owned(), AttributeType::Text)]);
    let compiled = |text: &str| compile(text, &schema, Scope::Default).map(drop);
    assert_eq!(compiled(&words(MAX_FILTER_VALUES)), Ok(()));
    let refused = FilterError::TooLarge { what: "number of words", limit: MAX_FILTER_VALUES };
    assert_eq!(compiled(&words(MAX_FILTER_VALUES + 1)), Err(refused));
    assert!(too_large(&"(".repeat(200_000)));
    assert!(too_large(&"NOT ".repeat(60_000)));
}
