//! Every statement of the visibility database.

crate::postgres::statements::statements! {
    CLAIM = "claim.sql";
    COUNT = "count.sql";
    DELETE = "delete.sql";
    DELETE_NAMESPACE = "delete_namespace.sql";
    END_TOMBSTONES = "end_tombstones.sql";
    GROUPS = "groups.sql";
    HAS_OWNER = "has_owner.sql";
    LIST = "list.sql";
    OWNER = "owner.sql";
    UPSERT = "upsert.sql";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PostgresVisibility;
    use crate::filter::Condition;
    use crate::postgres::keys::{self, Statement};
    use crate::postgres::statements::tests::plan;
    use crate::postgres::visibility::filter::{Postgres, bind};
    use atoll_postgres::PostgresOptions;
    use atoll_test_postgres::Server;
    use cell_visibility::{
        Attribute, AttributeType, PAGE_BYTES, PageToken, Predicate, RecordId, Schema, Scope, SystemField,
        compile,
    };
    use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
    use uuid::Uuid;

    const NAMESPACE: Uuid = Uuid::from_u128(0xa);

    /// Records of five namespaces, all but a few closed, in the order in which they closed. Rare is what one of
    /// thousands has; old, what has not been seen for long.
    const FILL: &str = "
        INSERT INTO record (namespace_id, record_id, position, close_rank, start_rank, execution_time, status,
                            workflow_id, workflow_type, parent_workflow_id, parent_run_id, division, deleted_at_ms)
        SELECT ('00000000-0000-0000-0000-00000000000' || CASE n % 5 WHEN 0 THEN 'a' ELSE 'b' END)::uuid,
               '\\x00'::bytea || uuid_send(gen_random_uuid()), n,
               CASE WHEN n > 199000 THEN ~9223372036854775807 ELSE ~(n * 1000000000 + 5) END, ~(n * 1000000000), n,
               CASE WHEN n > 199000 THEN 'Running' WHEN n % 250 = 0 THEN 'Failed' ELSE 'Completed' END::bytea,
               convert_to('w' || n, 'UTF8'),
               CASE WHEN n < 60000 THEN 'Old' ELSE 'New' END::bytea,
               CASE WHEN n % 100 = 0 THEN convert_to('w' || n % 1000, 'UTF8') END,
               CASE WHEN n % 100 = 0 THEN gen_random_uuid() END, CASE WHEN n % 2000 = 0 THEN 'D'::bytea END,
               CASE WHEN n % 2000 = 5 THEN n END
        FROM generate_series(1::int8, 200000) n;
        INSERT INTO attribute (namespace_id, position, close_rank, start_rank, kind, record_id, name, key)
        SELECT namespace_id, position, close_rank, start_rank, kind, record_id, name, key FROM record
            CROSS JOIN LATERAL (VALUES (2, 'Rare'::bytea, convert_to('r' || position % 5000, 'UTF8')),
                (2, 'Region', CASE WHEN position < 60000 THEN 'old' ELSE 'new' END::bytea), (7, 'Builds', 'one'))
                AS of (kind, name, key)
        WHERE deleted_at_ms IS NULL;
        VACUUM (ANALYZE)";

    async fn filled() -> PgConnection {
        filled_with(FILL).await
    }

    async fn filled_with(fill: &str) -> PgConnection {
        let server = Server::shared();
        let name = server.database();
        let url = server.url(&name);
        let options = PostgresOptions::parse(&url.as_str().into()).expect("a URL");
        PostgresVisibility::connect(options).await.expect("a store").close().await;
        for statement in fill.split(';') {
            server.sql(&name, statement);
        }
        let mut connection = PgConnection::connect(&url).await.expect("a session");
        // As in a session of ours.
        let set = "SET plan_cache_mode = force_custom_plan; SET jit = off; SET enable_seqscan = off";
        connection.execute(sqlx::raw_sql(set)).await.expect("set");
        connection
    }

    fn compiled(filter: &str) -> Predicate {
        let custom = [
            ("Rare", AttributeType::Keyword),
            ("Region", AttributeType::Keyword),
            ("Builds", AttributeType::KeywordList),
        ];
        compile(filter, &Schema::with_custom(custom), Scope::Default).expect("a filter")
    }

    /// The plan of a statement that was run, and how many rows and entries of indexes it has looked at.
    async fn ran<'q>(
        connection: &mut PgConnection,
        text: String,
        bind: impl FnOnce(Statement<'q>) -> Statement<'q>,
    ) -> (String, u64) {
        let explained = format!("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {text}");
        let rows = connection.fetch_all(bind(sqlx::query(AssertSqlSafe(explained)).persistent(false))).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error} in: {text}"));
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let number = |line: &str, behind: &str| -> Option<u64> {
            let digits = line.split_once(behind)?.1;
            digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        let (mut read, mut loops) = (0, 1);
        for line in &lines {
            loops = number(line, " loops=").unwrap_or(loops);
            let scanned = line.contains(" on record") || line.contains(" on attribute");
            let rows = if scanned { number(line, "actual rows=") } else { number(line, "Rows Removed by ") };
            read += rows.unwrap_or(0) * loops;
        }
        (lines.join("\n"), read)
    }

    fn unscanned(plan: &str) -> bool {
        !["record", "attribute"].iter().any(|table| plan.contains(&format!("Seq Scan on {table}")))
    }

    #[tokio::test]
    async fn every_statement_that_writes_finds_its_rows_by_an_index() {
        let mut connection = filled().await;
        for text in [UPSERT, DELETE, END_TOMBSTONES, DELETE_NAMESPACE] {
            let plan = plan(&mut connection, text).await;
            assert!(unscanned(&plan), "{plan}\nof {text}");
        }
        assert_eq!(ALL.len(), 10, "and three that read, and three of the owner's one row");
    }

    #[tokio::test]
    async fn tombstones_that_no_statistics_know_of_are_each_looked_at_once() {
        let record = "INSERT INTO record (namespace_id, record_id, position, deleted_at_ms) \
                      SELECT gen_random_uuid(), '\\x00'::bytea || uuid_send(gen_random_uuid()), n,";
        let fill = format!(
            "ALTER TABLE record SET (autovacuum_enabled = false); {record} NULL FROM generate_series(1, 9000) n; \
             ANALYZE; {record} n FROM generate_series(1, 9000) n"
        );
        let mut connection = filled_with(&fill).await;
        let ended = |statement: Statement<'static>| statement.bind(i64::MAX).bind(1_000_i64);
        let (plan, read) = ran(&mut connection, END_TOMBSTONES.to_owned(), ended).await;
        assert!(read <= 3 * 1_000, "{read}\n{plan}");
    }

    #[tokio::test]
    async fn the_usual_lists_look_at_little_more_than_they_show() {
        let mut connection = filled().await;
        let second = PageToken {
            close_time: Some(150_000_000_000_005),
            start_time: 150_000_000_000_000,
            id: RecordId::Run(Uuid::nil()),
        };
        for (filter, most) in [
            ("", 20),
            ("ExecutionStatus = 'Running'", 20),
            ("ExecutionStatus = 'Failed'", 20),
            ("ExecutionStatus = 'Failed' AND CloseTime < '1970-01-01T10:00:00Z'", 20),
            ("ExecutionStatus = 'Failed' AND StartTime < '1970-01-02T06:00:00Z'", 200),
            ("StartTime BETWEEN '1970-01-01T06:00:00Z' AND '1970-01-01T06:01:00Z'", 20),
            ("CloseTime BETWEEN '1970-01-01T06:00:00Z' AND '1970-01-01T07:00:00Z'", 20),
            ("WorkflowType = 'Old'", 20),
            ("WorkflowType = 'Old' AND ExecutionStatus = 'Running'", 600),
            ("WorkflowId = 'w77775'", 1),
            ("WorkflowId IN ('w77775', 'w77780', 'none')", 2),
            ("RunId = '00000000-0000-0000-0000-000000000001'", 0),
            ("ParentWorkflowId = 'w500'", 200),
            ("Rare = 'r77'", 0),
            ("Rare = 'r75'", 2 * 40),
            ("Rare = 'r75' AND Builds = 'one'", 3 * 40),
            ("Rare IN ('r75', 'r80')", 2 * 80),
            ("Region = 'old'", 2 * 21),
        ] {
            for after in [None, Some(&second)] {
                let condition = Condition::<Postgres>::after(&compiled(filter), NAMESPACE, after);
                let text = condition.complete(LIST);
                let ran = ran(&mut connection, text, |statement| {
                    bind(condition, statement).bind(keys::limit(20)).bind(keys::limit(PAGE_BYTES))
                });
                let (plan, read) = ran.await;
                assert!(unscanned(&plan), "{filter}:\n{plan}");
                assert!(read <= most, "{filter}: {read} of {most}\n{plan}");
            }
        }
    }

    #[tokio::test]
    async fn counts_look_at_what_they_count() {
        let mut connection = filled().await;
        let status = Attribute::system(SystemField::ExecutionStatus);
        for (filter, most, index) in [
            ("", 40_000, "Index Only Scan"),
            ("ExecutionStatus = 'Running'", 200, "Index Only Scan using record_status"),
            ("WorkflowType = 'Old'", 12_000, "Index Only Scan using record_type"),
            (
                "CloseTime BETWEEN '1970-01-01T06:00:00Z' AND '1970-01-01T07:00:00Z'",
                800,
                "Index Only Scan using record_order",
            ),
            (
                "StartTime BETWEEN '1970-01-01T06:00:00Z' AND '1970-01-01T07:00:00Z'",
                800,
                "Index Only Scan using record_start",
            ),
            ("Rare = 'r75'", 80, "Index Only Scan using attribute_key"),
            ("Region = 'old'", 2 * 40_000 + 12_000, "Index"),
            ("TemporalNamespaceDivision = 'D'", 200, "record_divided"),
        ] {
            let bare = Condition::<Postgres>::new(&compiled(filter), NAMESPACE);
            let grouped = Condition::<Postgres>::grouped(&compiled(filter), NAMESPACE, &status);
            for (text, condition) in [(bare.complete(COUNT), bare), (grouped.complete(GROUPS), grouped)] {
                let ran = ran(&mut connection, text, |statement| bind(condition, statement));
                let (plan, read) = ran.await;
                assert!(unscanned(&plan) && plan.contains(index), "{filter}:\n{plan}");
                assert!(read <= most, "{filter}: {read} of {most}\n{plan}");
            }
        }
    }
}
