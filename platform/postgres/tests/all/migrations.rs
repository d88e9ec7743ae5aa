//! Schemas that grow.

use super::*;

const ADD_YEAR: &str = "ALTER TABLE books ADD COLUMN year int4; CREATE TABLE shelves (id int4)";
const BROKEN: &str = "CREATE TABLE loans (id int4); DROP TABLE nowhere";

fn tables(name: &str) -> String {
    let list = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
                WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
    Server::shared().sql(name, list)
}

#[tokio::test]
async fn only_what_is_missing_is_applied() {
    const SECOND: Schema = Schema { migrations: &[BOOKS.migrations[0], ADD_YEAR], ..BOOKS };
    let (name, options) = database();
    open(&options).await.expect("a new database");
    Server::shared().sql(&name, "INSERT INTO books VALUES ('Ada')");
    open(&options).await.expect("as it was");
    migrate(&options, &SECOND).await.expect("newer");
    assert_eq!(Server::shared().sql(&name, "TABLE books; TABLE atoll_schema"), "Ada|\nbooks|2");
    let why = refused(&options).await;
    assert_eq!(why, "has schema version 2, this version knows 1");
}

#[tokio::test]
async fn one_that_fails_half_way_leaves_the_old_state() {
    const THIRD: Schema = Schema { migrations: &[BOOKS.migrations[0], ADD_YEAR, BROKEN], ..BOOKS };
    let (name, options) = database();
    let failed = migrate(&options, &THIRD).await.expect_err("a broken migration").to_string();
    assert!(failed.starts_with("cannot be brought to schema version 3: "), "{failed}");
    assert_eq!(tables(&name), "", "not even the first");
    open(&options).await.expect("a new database");
    migrate(&options, &THIRD).await.expect_err("a broken migration");
    assert_eq!(tables(&name), "atoll_schema books");
    assert_eq!(Server::shared().sql(&name, "TABLE atoll_schema"), "books|1");
}

#[tokio::test]
async fn of_many_that_open_at_once_one_makes_the_tables() {
    let (name, options) = database();
    let opened = tokio::join!(open(&options), open(&options), open(&options), open(&options));
    for opened in [opened.0, opened.1, opened.2, opened.3] {
        opened.expect("a database");
    }
    assert_eq!(tables(&name), "atoll_schema books");
}
