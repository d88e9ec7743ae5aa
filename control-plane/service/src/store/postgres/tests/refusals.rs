//! Databases that are not used.

use atoll_test_postgres::Settings;

use super::*;
use crate::Database;
use crate::store::{inspect_database, open};

async fn refused(url: &str) -> String {
    let database = Database::parse(&url.into()).unwrap();
    let looked = inspect_database(&database).await.err().map(|error| error.to_string());
    let opened = open(&database).await.err().unwrap().to_string();
    if let Some(looked) = looked {
        assert_eq!(looked, opened);
    }
    assert!(!opened.contains('\n'), "one line: {opened}");
    opened
}

#[tokio::test]
async fn a_database_of_something_else_is_refused_and_left_as_it_was() {
    let (name, place) = database();
    Server::shared().sql(&name, "CREATE TABLE books (author text)");
    let text = refused(place.url.expose()).await;
    assert!(text.contains("belongs to another program (it holds a table books)"), "{text}");
    assert!(text.contains(&format!("/{name}")), "{text}");
    let tables = "SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    assert_eq!(Server::shared().sql(&name, tables), "books");
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let (name, place) = database();
    place.open().await.close().await;
    Server::shared().sql(&name, "UPDATE atoll_schema SET version = 99");
    let text = refused(place.url.expose()).await;
    assert!(text.contains("has schema version 99"), "{text}");
}

#[tokio::test]
async fn what_is_not_durable_is_refused_unless_it_is_asked_for() {
    let server = Server::start(&Settings { set: &[("fsync", "off")], tls: None });
    let url = server.url(&server.database());
    let text = refused(&url).await;
    assert!(text.contains("would not be durable: fsync is off"), "{text}");
    let allowed = Database::parse(&url.as_str().into()).unwrap().allow_unsafe(true);
    open(&allowed).await.unwrap().close().await;
}

#[tokio::test]
async fn a_password_is_in_no_text() {
    let (name, _) = database();
    let url = format!("postgres://locked:wrong-hush@{}/{name}", Server::shared().address());
    let text = refused(&url).await;
    assert!(!text.contains("hush"), "{text}");
}
