//! Every statement of the visibility database.

use crate::sqlite::batched::Batched;

atoll_sqlite::statements! {
    DELETE_NAMESPACE = "delete_namespace.sql";
    END_TOMBSTONES = "end_tombstones.sql";
    LIST = "list.sql";
    ATTRIBUTES = "attributes.sql";
    MEMOS = "memos.sql";
    COUNT = "count.sql";
    GROUPS = "groups.sql";
}

crate::sqlite::statements::batched_statements! {
    UPSERT = "upsert.sql";
    CLEAR_ATTRIBUTES = "clear_attributes.sql";
    PUT_ATTRIBUTES = "put_attributes.sql";
    DELETE = "delete.sql";
    PUT_TOMBSTONES = "put_tombstones.sql";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Condition;
    use crate::sqlite::database::Database;
    use crate::sqlite::options::SqliteOptions;
    use crate::sqlite::schema::VISIBILITY;
    use crate::sqlite::statements::tests::{prepare_all, refuse_scans};
    use crate::sqlite::visibility::filter::{Sqlite, bind};
    use cell_visibility::{
        Attribute, AttributeType, PageToken, Predicate, RecordId, Schema, Scope, SystemField, compile,
    };
    use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};
    use uuid::Uuid;

    /// The texts with something in their places.
    fn single() -> Vec<String> {
        let status = Attribute::system(SystemField::ExecutionStatus);
        let condition = Condition::<Sqlite>::grouped(&Predicate::no_division(), Uuid::nil(), &status);
        ALL.iter().map(|(_, text)| condition.complete(text)).collect()
    }

    #[tokio::test]
    async fn every_statement_is_prepared_and_finds_its_rows_by_an_index() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("visibility.db"));
        let database = Database::open(options.clone(), &VISIBILITY).await.expect("a database");
        let single = single();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        prepare_all(&options, &single, BATCHED).await;
        refuse_scans(&options, &single, BATCHED, &["record", "r", "attribute", "tombstone"]).await;
        database.close().await;
    }

    /// What a list of a filter looks at, behind a place or from the first record on.
    async fn plan(connection: &mut SqliteConnection, filter: &str, after: Option<&PageToken>) -> String {
        let custom = [("Mine", AttributeType::Keyword), ("Builds", AttributeType::KeywordList)];
        let compiled = compile(filter, &Schema::with_custom(custom), Scope::Default).expect("a filter");
        let condition = Condition::<Sqlite>::after(&compiled, Uuid::nil(), after);
        let text = format!("EXPLAIN QUERY PLAN {}", condition.complete(LIST));
        let statement = bind(condition, sqlx::query(AssertSqlSafe(text))).bind(20);
        let rows = statement.fetch_all(connection).await.expect("a plan");
        rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect()
    }

    #[tokio::test]
    async fn the_usual_lists_have_the_order_from_an_index() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("visibility.db"));
        let database = Database::open(options.clone(), &VISIBILITY).await.expect("a database");
        let mut connection = options.reading().connect().await.expect("a connection");
        let second = PageToken { close_time: Some(7), start_time: 7, id: RecordId::Run(Uuid::nil()) };
        for (filter, index) in [
            ("", "r USING INDEX record_order (namespace_id=?"),
            ("ExecutionStatus = 'Running'", "r USING INDEX record_status (namespace_id=? AND status=?"),
            ("WorkflowType = 'x'", "r USING INDEX record_type (namespace_id=? AND workflow_type=?"),
            ("WorkflowId = 'x'", "r USING INDEX record_workflow (namespace_id=? AND workflow_id=?"),
            ("ScheduleId = 'x' AND TemporalNamespaceDivision = 'D'", "r USING INDEX record_"),
            (
                "TemporalNamespaceDivision = 'D'",
                "r USING INDEX record_divided (namespace_id=? AND division=?",
            ),
            ("CloseTime BETWEEN 5 AND 9", "r USING INDEX record_order (namespace_id=? AND"),
            ("StartTime > 5 AND WorkflowType = 'x'", "record_type (namespace_id=? AND workflow_type=?"),
            (
                "Mine = 'x'",
                "d1 USING COVERING INDEX attribute_value (namespace_id=? AND name=? AND kind=? AND value=?",
            ),
            ("Builds = 'b' AND Mine = 'x'", "d1 USING COVERING INDEX attribute_value"),
        ] {
            for after in [None, Some(&second)] {
                let plan = plan(&mut connection, filter, after).await;
                assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{filter}:\n{plan}");
                let from_place = plan.contains("(close_rank,start_rank,record_id)>(?,?,?)");
                assert_eq!(from_place, after.is_some(), "{filter}:\n{plan}");
            }
        }
        database.close().await;
    }
}
