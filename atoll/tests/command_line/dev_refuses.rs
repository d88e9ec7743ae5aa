//! What `atoll dev` does not start on, leaving everything as it was.

use std::net::TcpListener;

use crate::content::content;
use crate::refused::refused;
use crate::run::atoll;

#[test]
fn a_foreign_newer_or_damaged_data_directory() {
    for (name, text, message) in [
        ("holiday.jpg", "", "is not an Atoll data directory"),
        ("FORMAT", "atoll-data 999\n", "has format 999"),
        ("FORMAT", "something else\n", "is damaged"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data").join(name), text).unwrap();
        let before = content(folder.path());
        let outcome =
            atoll(folder.path(), &["dev", "--data-dir", "data", "--gateway-port", "0", "--cloud-port", "0"]);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(outcome.err.contains(message), "{outcome:?}");
        assert_eq!(outcome.err.lines().count(), 1, "{outcome:?}");
        assert_eq!(content(folder.path()), before);
    }
}

#[test]
fn a_taken_port() {
    for ip in ["127.0.0.1", "::1"] {
        let taken = TcpListener::bind((ip, 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let port = address.port().to_string();
        for (gateway, cloud, name) in [(&*port, "0", "gateway"), ("0", &port, "cloud")] {
            let folder = tempfile::tempdir().unwrap();
            let message = format!("cannot listen on {address} ({name})");
            let dev = ["dev", "--ip", ip, "--gateway-port", gateway, "--cloud-port", cloud];
            refused(folder.path(), &dev, &message);
        }
    }
}

#[test]
fn one_port_for_two() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let folder = tempfile::tempdir().unwrap();
    let message = format!("cannot listen on 127.0.0.1:{port} (cloud)");
    refused(folder.path(), &["dev", "--gateway-port", &port, "--cloud-port", &port], &message);
}

#[test]
fn a_database_that_is_none() {
    for name in ["cell-a.db", "cell-system-visibility.db", "metering.db", "billing.db", "control-plane.db"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("FORMAT"), "atoll-data 1\n").unwrap();
        std::fs::write(data.join(name), "dear all, this is not a database").unwrap();
        refused(
            folder.path(),
            &["dev", "--data-dir", "data", "--gateway-port", "0", "--cloud-port", "0"],
            &format!("database data/{name}"),
        );
    }
}

#[test]
fn a_database_of_another_owner_or_a_newer_version() {
    let pieces = [("metering.db", b"ATME"), ("billing.db", b"ATBI"), ("control-plane.db", b"ATCP")];
    for (name, mark) in pieces {
        for (mark, version, message) in
            [(b"else", 1_i32, "belongs to another program"), (mark, 999, "has schema version 999")]
        {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().join("data");
            std::fs::create_dir(&data).unwrap();
            std::fs::write(data.join("FORMAT"), "atoll-data 1\n").unwrap();
            // Offsets as the file format of SQLite has them.
            let mut database = b"SQLite format 3\0".to_vec();
            database.resize(4_096, 0);
            database[60..64].copy_from_slice(&version.to_be_bytes());
            database[68..72].copy_from_slice(mark);
            std::fs::write(data.join(name), database).unwrap();
            refused(
                folder.path(),
                &["dev", "--data-dir", "data", "--gateway-port", "0", "--cloud-port", "0"],
                &format!("database data/{name}: {message}"),
            );
        }
    }
}
