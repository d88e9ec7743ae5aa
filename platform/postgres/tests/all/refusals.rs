//! What is refused before anything is written.

use super::*;
use atoll_postgres::look;
use atoll_test_postgres::{Settings, Stop};

#[tokio::test]
async fn commits_that_may_be_lost() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let mut options = options(&server.url(&name));
    for (setting, bad, good) in
        [("fsync", "off", "on"), ("full_page_writes", "off", "on"), ("synchronous_commit", "local", "on")]
    {
        server.set(setting, bad);
        let why = refused(&options).await;
        let says = format!("would not be durable: {setting} is {bad}; set it to on in postgresql.conf");
        assert_eq!(why, says);
        options.allow_unsafe = true;
        look(&options, &BOOKS).await.expect("a test that says so");
        options.allow_unsafe = false;
        server.set(setting, good);
    }
    server.set("synchronous_commit", "remote_apply");
    open(&options).await.expect("stricter than it has to be");
    server.sql("postgres", &format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    assert!(refused(&options).await.contains("synchronous_commit is off"), "whoever says so");
}

#[tokio::test]
async fn a_server_that_takes_no_writes() {
    let (name, options) = database();
    Server::shared()
        .sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    assert!(refused(&options).await.starts_with("takes no writes (default_transaction_read_only is on)"));
    let standby = Server::start(&Settings::default());
    standby.stop(Stop::Fast);
    std::fs::write(standby.folder().join("data/standby.signal"), "").expect("a standby");
    standby.resume();
    let why = refused(&super::options(&standby.url("postgres"))).await;
    assert!(why.starts_with("takes no writes (it is a standby)"), "{why}");
}

#[tokio::test]
async fn text_that_would_be_changed() {
    Server::shared().sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let why = refused(&options(&Server::shared().url("latin"))).await;
    assert_eq!(why, "stores text as LATIN1: create the database with ENCODING 'UTF8'");
}

#[tokio::test]
async fn a_database_of_another_program() {
    let (name, options) = database();
    Server::shared().sql(&name, "CREATE EXTENSION pg_stat_statements");
    assert!(!look(&options, &BOOKS).await.expect("an empty one"), "what an extension brings is nobody's");
    Server::shared().sql(&name, "CREATE TABLE recipes (name text)");
    let why = refused(&options).await;
    assert_eq!(why, "belongs to another program (it holds a table recipes): use a database of its own");
    look(&options, &BOOKS).await.expect_err("refused");
    assert_eq!(Server::shared().sql(&name, "SELECT to_regclass('books') IS NULL"), "t");
}

#[tokio::test]
async fn a_database_of_another_piece() {
    const MAPS: Schema = Schema { name: "maps", migrations: &["CREATE TABLE maps (name text)"] };
    let (_, options) = database();
    migrate(&options, &MAPS).await.expect("maps");
    assert!(refused(&options).await.contains("it holds what Atoll keeps for: maps"));
    assert!(look(&options, &MAPS).await.expect("maps"));
}

#[tokio::test]
async fn a_role_without_rights() {
    let (name, options) = database();
    let powerless = super::options(&Server::shared().url(&name).replace("postgres@", "powerless@"));
    let why = refused(&powerless).await;
    assert!(why.contains("permission denied for schema public (42501)"), "{why}");
    open(&options).await.expect("its owner may");
    let why = refused(&powerless).await;
    assert!(why.contains("permission denied for table atoll_schema (42501)"), "{why}");
}

#[tokio::test]
async fn a_wrong_password_is_not_told() {
    let (name, _) = database();
    let server = Server::shared();
    let with = |password: &str| {
        super::options(&server.url(&name).replace("postgres@", &format!("locked:{password}@")))
    };
    look(&with(Server::PASSWORD), &BOOKS).await.expect("the password");
    let wrong = look(&with("sesame"), &BOOKS).await.expect_err("another");
    let text = format!("{wrong} {wrong:?}");
    assert!(text.contains("password authentication failed") && !text.contains("sesame"), "{text}");
}

#[tokio::test]
async fn tables_that_the_search_path_leads_away_from() {
    let (name, options) = database();
    let server = Server::shared();
    open(&options).await.expect("a new database");
    // By default the path begins with the schema of the role's name, once there is one.
    server.sql(&name, "CREATE SCHEMA postgres");
    let why = refused(&options).await;
    let says =
        "keeps what Atoll has in schema public, and the role's search_path leads to postgres: set it back";
    assert_eq!(why, says);
    assert_eq!(look(&options, &BOOKS).await.expect_err("refused").to_string(), says);
    assert_eq!(server.sql(&name, "SELECT to_regclass('postgres.books') IS NULL"), "t");
    server.sql(&name, &format!("ALTER DATABASE {name} SET search_path = public"));
    assert!(look(&options, &BOOKS).await.expect("found again"));
}
