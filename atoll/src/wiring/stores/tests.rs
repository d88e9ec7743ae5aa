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

#[tokio::test]
async fn a_foreign_file_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "dear all, this is not a database").unwrap();
    let opened = OpenStores::open(&Database::Sqlite(path.clone()), &CellConfig::default()).await;
    let error = format!("{:#}", opened.err().expect("refused"));
    assert!(error.contains("letter.txt"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear all, this is not a database");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
