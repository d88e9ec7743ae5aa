//! A database that went missing is never replaced by an empty one in silence: neither at a start, nor under a running
//! process.

use std::path::Path;

use crate::content::content;
use crate::refused::refused;
use crate::running::{CELL, Running};
use crate::service_refuses::SERVICES;

/// How a file is lost.
type Loss = fn(&Path);

const LOSSES: [Loss; 2] =
    [|file| std::fs::remove_file(file).unwrap(), |file| std::fs::write(file, "").unwrap()];

const DEV: [&str; 6] = ["server", "start-dev", "--port", "0", "--db-filename", "cell.db"];

#[test]
fn a_cell_does_not_start_without_what_it_had() {
    for loss in LOSSES {
        for name in ["cell.db", "cell-visibility.db"] {
            let folder = tempfile::tempdir().unwrap();
            Running::start(folder.path(), &CELL).stop();
            loss(&folder.path().join(name));
            let message = format!(
                "database {name}: is missing or empty, and {name}.exists says that it existed: put it back, or remove \
                 {name}.exists to begin with an empty one"
            );
            refused(folder.path(), &CELL, &message);
            refused(folder.path(), &DEV, &message);
            // On purpose, as the message says.
            std::fs::remove_file(folder.path().join(format!("{name}.exists"))).unwrap();
            Running::start(folder.path(), &CELL).stop();
            Running::start(folder.path(), &DEV).stop();
        }
    }
}

#[test]
fn a_log_without_its_database_is_no_new_cell() {
    let folder = tempfile::tempdir().unwrap();
    Running::start(folder.path(), &CELL).kill();
    for gone in ["cell.db", "cell.db.exists"] {
        std::fs::remove_file(folder.path().join(gone)).unwrap();
    }
    refused(
        folder.path(),
        &CELL,
        "database cell.db: is missing or empty, and cell.db-wal says that it existed",
    );
}

#[test]
fn a_service_does_not_start_without_what_it_had() {
    for service in SERVICES {
        for loss in LOSSES {
            let folder = tempfile::tempdir().unwrap();
            service.configure(folder.path(), "its.db");
            Running::start(folder.path(), &service.serve()).stop();
            loss(&folder.path().join("its.db"));
            let message = format!("atoll: {} database its.db: is missing or empty", service.name);
            refused(folder.path(), &service.serve(), &message);
            std::fs::remove_file(folder.path().join("its.db.exists")).unwrap();
            Running::start(folder.path(), &service.serve()).stop();
        }
    }
}

#[test]
fn a_cloud_does_not_start_without_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("FORMAT"), "atoll-data 1\n").unwrap();
    let cloud = ["dev", "--data-dir", "data", "--gateway-port", "0", "--cloud-port", "0"];
    for name in
        ["cell-a", "cell-b", "cell-system", "cell-b-visibility", "control-plane", "metering", "billing"]
    {
        let witness = data.join(format!("{name}.db.exists"));
        std::fs::write(&witness, "").unwrap();
        refused(folder.path(), &cloud, &format!("database data/{name}.db: is missing or empty"));
        std::fs::remove_file(&witness).unwrap();
    }
}

#[test]
fn a_running_process_stops_when_its_database_is_taken_away_or_replaced() {
    let replaced: Loss = |file| {
        let other = file.with_extension("other");
        std::fs::copy(file, &other).unwrap();
        std::fs::rename(&other, file).unwrap();
    };
    for loss in [LOSSES[0], replaced] {
        let folder = tempfile::tempdir().unwrap();
        for (arguments, name) in [(&CELL, "cell.db"), (&CELL, "cell-visibility.db"), (&DEV, "cell.db")] {
            let running = Running::start_heard(folder.path(), arguments);
            loss(&folder.path().join(name));
            let problem = running.fails();
            assert_eq!(
                problem.lines().last(),
                Some(
                    format!(
                        "atoll: database {name}: was removed or replaced while it was open: what is written to it now is lost \
                         when it is closed"
                    )
                    .as_str()
                )
            );
            for file in content(folder.path()).into_keys() {
                std::fs::remove_file(file).unwrap();
            }
        }
        for service in SERVICES {
            let folder = tempfile::tempdir().unwrap();
            service.configure(folder.path(), "its.db");
            let running = Running::start_heard(folder.path(), &service.serve());
            loss(&folder.path().join("its.db"));
            let problem = running.fails();
            let message = format!("atoll: {} database its.db: was removed or replaced", service.name);
            assert!(problem.lines().last().is_some_and(|line| line.starts_with(&message)), "{problem}");
        }
    }
}
