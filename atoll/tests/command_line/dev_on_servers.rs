//! A whole cloud on a PostgreSQL server, and on an object store.

use std::path::Path;
use std::sync::OnceLock;

use atoll_test_postgres::Server;

use crate::content::content;
use crate::dev_runs::{Cloud, identity, pids};
use crate::refused::refused;
use crate::run::atoll;

/// A role with a password, which may make databases.
const MAKER: &str = "maker:hush-71c4";
const SECRET: &str = "hush-71c4";
/// How the names of a cloud's databases end.
const ENDS: [&str; 9] = [
    "billing",
    "cell_a",
    "cell_a_lists",
    "cell_b",
    "cell_b_lists",
    "cell_system",
    "cell_system_lists",
    "control_plane",
    "metering",
];

/// The shared server, with the role that may make databases.
fn server() -> &'static Server {
    static ROLE: OnceLock<()> = OnceLock::new();
    let server = Server::shared();
    ROLE.get_or_init(|| {
        server.sql("postgres", &format!("CREATE ROLE maker LOGIN CREATEDB PASSWORD '{SECRET}'"));
    });
    server
}

/// A file of the folder with the URL of the maintenance database, as this role.
fn url_file(folder: &Path, role: &str) {
    let url = server().url("postgres").replace("postgres@", &format!("{role}@"));
    std::fs::write(folder.join("url"), url).unwrap();
}

/// Databases that begin so, each with what is said of it.
fn databases(prefix: &str) -> Vec<(String, String)> {
    let rows = server().sql(
        "postgres",
        &format!(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database \
             WHERE datname LIKE '{prefix}\\_%' ORDER BY 1"
        ),
    );
    rows.lines().map(|row| row.split_once('|').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// Arguments of a cloud whose databases begin so, in the data directory `data`.
fn on_server(prefix: &str) -> [&str; 6] {
    ["--data-dir", "data", "--database-url-file", "url", "--database-prefix", prefix]
}

/// One that must not start, and leave all as it is.
fn dev_refused(folder: &Path, arguments: &[&str], message: &str) {
    let free = ["--gateway-port", "0", "--cloud-port", "0"];
    refused(folder, &[&["dev"], arguments, &free].concat(), message);
}

#[test]
fn it_has_a_database_for_each_piece_tells_no_secret_and_comes_back_to_no_others() {
    let folder = tempfile::tempdir().unwrap();
    url_file(folder.path(), MAKER);
    let cloud = Cloud::start_with(folder.path(), &on_server("whole"), "data/dev.json");
    let made = databases("whole");
    let names: Vec<&str> = made.iter().map(|(name, _)| name.strip_prefix("whole_").unwrap()).collect();
    assert_eq!(names, ENDS);
    for (name, said) in &made {
        let piece = name.strip_prefix("whole_").unwrap();
        assert!(said.starts_with("atoll dev cloud ") && said.ends_with(&format!(": {piece}")), "{said}");
        assert_ne!(server().sql(name, "SELECT count(*) FROM atoll_schema"), "0", "{name} is used");
    }
    let shown = format!("  Databases    whole_* at {}\n", server().address());
    assert!(cloud.printed.contains(&shown) && !cloud.printed.contains(SECRET), "{}", cloud.printed);
    for pid in pids(&cloud.ready) {
        for shown in ["cmdline", "environ"] {
            let text = std::fs::read(format!("/proc/{pid}/{shown}")).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(SECRET), "{shown} of a piece");
        }
    }
    let files = content(&folder.path().join("data"));
    assert!(files.keys().all(|path| path.extension().is_none_or(|end| end != "db")), "{:?}", files.keys());

    // Another cloud has the same names in mind, and one of its own.
    let elsewhere = tempfile::tempdir().unwrap();
    url_file(elsewhere.path(), MAKER);
    let message =
        format!("atoll: database {}/whole_cell_a belongs to another dev cloud: ", server().address());
    dev_refused(elsewhere.path(), &on_server("whole"), &message);
    let other = Cloud::start_with(elsewhere.path(), &on_server("beside"), "data/dev.json");
    assert_ne!(identity(&other.ready), identity(&cloud.ready));
    assert!(!other.stop().contains(SECRET));

    let before = identity(&cloud.ready);
    assert!(!cloud.stop().contains(SECRET));
    let data = folder.path();
    let message = "data has its databases in whole_* on a PostgreSQL server: give that with --database-url";
    dev_refused(data, &["--data-dir", "data"], message);
    dev_refused(data, &on_server("beside"), message);
    let message = "data keeps its objects in files: start it without --objects-url";
    dev_refused(data, &[&on_server("whole")[..], &["--objects-url", "elsewhere"]].concat(), message);
    let again = Cloud::start_with(data, &on_server("whole"), "data/dev.json");
    assert_eq!(identity(&again.ready), before);
    again.stop();
    assert_eq!(databases("whole"), made);

    server().sql("postgres", "COMMENT ON DATABASE whole_metering IS NULL");
    let message = "/whole_metering does not say that it is this cloud's: if it is, say so (COMMENT ON DATABASE \
                   whole_metering IS 'atoll dev cloud ";
    dev_refused(data, &on_server("whole"), message);
    server().sql("postgres", "DROP DATABASE whole_cell_b_lists");
    let message =
        "/whole_cell_b_lists is missing, and the cloud of this data directory had it: restore it, or";
    dev_refused(data, &on_server("whole"), message);
    assert_eq!(databases("whole").len(), ENDS.len() - 1, "nothing is made in its place");
}

#[test]
fn a_role_that_may_make_no_databases_takes_empty_ones_that_it_owns() {
    let folder = tempfile::tempdir().unwrap();
    url_file(folder.path(), "powerless");
    let all = ENDS.map(|end| format!("lent_{end}"));
    let expected = format!(
        "atoll: database {}/postgres: role powerless may not make databases, and these are missing: ",
        server().address()
    );
    dev_refused(folder.path(), &on_server("lent"), &expected);
    for name in &all {
        server().sql("postgres", &format!("CREATE DATABASE {name} OWNER powerless TEMPLATE template0"));
    }
    server().sql(&all[0], "CREATE TABLE recipes (name text)");
    let message = "/lent_billing is not a dev cloud's: give another --database-prefix; or an empty one";
    dev_refused(folder.path(), &on_server("lent"), message);
    server().sql(&all[0], "DROP TABLE recipes");
    server().sql("postgres", "COMMENT ON DATABASE lent_metering IS 'of the kitchen'");
    let message = "/lent_metering is not a dev cloud's: give another --database-prefix; or an empty one";
    dev_refused(folder.path(), &on_server("lent"), message);
    server().sql("postgres", "COMMENT ON DATABASE lent_metering IS NULL");
    server().sql("postgres", "ALTER DATABASE lent_cell_a OWNER TO postgres");
    dev_refused(folder.path(), &on_server("lent"), "/lent_cell_a is not a dev cloud's: ");
    server().sql("postgres", "ALTER DATABASE lent_cell_a OWNER TO powerless");
    assert!(databases("lent").iter().all(|(_, said)| said.is_empty()), "nothing was said of any");
    Cloud::start_with(folder.path(), &on_server("lent"), "data/dev.json").stop();
    assert!(databases("lent").iter().all(|(_, said)| said.starts_with("atoll dev cloud ")));
}

#[test]
fn a_data_directory_in_files_and_a_url_that_makes_no_databases() {
    let folder = tempfile::tempdir().unwrap();
    url_file(folder.path(), MAKER);
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/FORMAT"), "atoll-data 1\n").unwrap();
    std::fs::write(folder.path().join("data/secrets.json"), "{}").unwrap();
    let message = "data keeps its databases in files: start it without --database-url and --database-prefix, or give \
                   another data directory";
    dev_refused(folder.path(), &on_server("none"), message);
    assert!(databases("none").is_empty());
    for (url, message) in [
        ("postgres://u:sesame@h/postgres?pooled=true", "leads through a pooler, which makes no databases"),
        ("postgres://u:sesame@h", "has no database"),
        ("sqlite:sesame", "does not begin with postgres:// or postgresql://"),
    ] {
        let outcome = atoll(folder.path(), &["dev", "--data-dir", "new", "--database-url", url]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.err.starts_with(&format!("atoll: --database-url {message}")), "{outcome:?}");
        assert!(!outcome.err.contains("sesame") && !folder.path().join("new").exists(), "{outcome:?}");
    }
    let nobody = ["--data-dir", "new", "--database-url", "postgres://u@127.0.0.1:1/postgres"];
    let message =
        "atoll: database 127.0.0.1:1/postgres: error communicating with database: Connection refused";
    dev_refused(folder.path(), &nobody, message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_that_is_another_clouds_or_no_clouds() {
    let (bucket, folder) = (atoll_test_s3::Server::start().await, tempfile::tempdir().unwrap());
    bucket.make_bucket("usage");
    let url = bucket.url("usage/eu");
    let dev = ["--data-dir", "data", "--objects-url", &url];
    let refuses = |message: &str| {
        let before = content(&bucket.bucket("usage"));
        dev_refused(
            folder.path(),
            &dev,
            &format!("atoll: objects s3://usage/eu at {}: {message}", bucket.endpoint()),
        );
        assert_eq!(content(&bucket.bucket("usage")), before);
    };
    let eu = bucket.bucket("usage").join("eu");
    std::fs::create_dir(&eu).unwrap();
    std::fs::write(eu.join("holiday.jpg"), "mine").unwrap();
    refuses("holds something else and no .atoll-objects");
    std::fs::write(eu.join(".atoll-objects"), "atoll-objects 1\n").unwrap();
    refuses("are not a dev cloud's: give another place with --objects-url");
    std::fs::write(eu.join("dev-cloud"), "some-other-cloud\n").unwrap();
    refuses("belong to another dev cloud: give another place with --objects-url");
    bucket.faults().always(atoll_test_s3::Operation::List, atoll_test_s3::Fault::Answer(503, "SlowDown"));
    refuses("cannot be reached: answered 503 SlowDown: see that it runs there");
}
