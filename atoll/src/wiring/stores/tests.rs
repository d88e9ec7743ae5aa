use std::path::Path;

use super::*;

fn parse(url: &str) -> Result<Database, DatabaseUrlError> {
    Database::parse(&url.into())
}

#[test]
fn urls_name_an_engine() {
    assert!(matches!(parse("memory:"), Ok(Database::Memory)));
    for (url, path) in
        [("sqlite:a.db", "a.db"), ("sqlite:/x/a.db", "/x/a.db"), ("sqlite:///x/a.db", "/x/a.db")]
    {
        assert!(matches!(parse(url), Ok(Database::Sqlite(found)) if found == Path::new(path)), "{url}");
    }
    for url in ["postgres://u:p@h/db", "postgresql://u@h:6432/db?pooled=true"] {
        assert!(matches!(parse(url), Ok(Database::Postgres(_))), "{url}");
    }
    for bad in ["", "a.db", "sqlite:", "sqlite://", "mysql://u@h/db", "memory"] {
        assert_eq!(parse(bad).err(), Some(DatabaseUrlError::Engine), "{bad}");
    }
    for bad in ["postgres", "postgres://h/db", "postgres://u@h", "postgres://u@h/db?sslmode=prefer"] {
        assert!(matches!(parse(bad), Err(DatabaseUrlError::Postgres(_))), "{bad}");
    }
}

#[test]
fn nothing_of_a_url_is_told() {
    let good = parse("postgres://u:hush@h/db").unwrap();
    assert!(!format!("{good:?}").contains("hush"));
    for bad in ["hush", "mysql://u:hush@h/db", "postgres:hush", "postgres://u:hush/1@h/db", "sqlite:"] {
        let error = parse(bad).expect_err(bad);
        assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
    }
}

#[test]
fn lists_have_a_database_of_their_own_or_a_file() {
    let configured = |cell: &str, lists: Option<&str>| {
        let visibility_database_url = lists.map(Into::into);
        Database::configured(&CellConfig {
            database_url: cell.into(),
            visibility_database_url,
            ..CellConfig::default()
        })
    };
    let cell = "postgres://u:hush@h/cell";
    for (lists, kind) in [(None, "sqlite"), (Some("postgres://u:hush@h/lists"), "postgresql")] {
        assert_eq!(configured(cell, lists).unwrap().visibility_kind(), kind);
    }
    for (cell, lists, expected) in [
        (
            cell,
            "postgres://other:hush@h:5432/cell",
            "database h:5432/cell is the cell's: lists need a database of their own",
        ),
        (cell, "sqlite:hush", "the visibility database's URL: does not begin with postgres://"),
        ("sqlite:a.db", "postgres://u:hush@h/lists", "a visibility database goes with a cell on PostgreSQL"),
    ] {
        let error = format!("{:#}", configured(cell, Some(lists)).unwrap_err());
        assert!(error.starts_with(expected) && !error.contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn a_foreign_file_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "dear all, this is not a database").unwrap();
    let rest = std::future::ready(Err(anyhow::anyhow!("what comes behind is not asked")));
    let opened = OpenStores::open(&Database::Sqlite(path.clone()), &CellConfig::default(), rest).await;
    let error = format!("{:#}", opened.err().expect("refused"));
    assert!(error.contains("letter.txt"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear all, this is not a database");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
