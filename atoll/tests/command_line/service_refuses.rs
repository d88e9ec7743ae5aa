//! What metering, billing and the control plane do not start on, leaving everything as it was.

use std::path::Path;

use crate::refused::{is_log, refused, refused_but_for};
use crate::running::Running;

/// A piece that owns one database.
pub(crate) struct Service {
    piece: &'static str,
    /// What its database is called in messages.
    pub(crate) name: &'static str,
    /// What it is told beside its database. The other pieces need not be there.
    config: &'static str,
}

pub(crate) const SERVICES: [Service; 3] = [
    Service {
        piece: "metering",
        name: "metering",
        config: r#"
            listen = "127.0.0.1:0"
            objects_url = "objects"
            internal_token = "t"
            cells = []
        "#,
    },
    Service {
        piece: "billing",
        name: "billing",
        config: r#"
            listen = "127.0.0.1:0"
            metering = "127.0.0.1:1"
            control_plane = "127.0.0.1:1"
            internal_token = "t"
            system_cell = { address = "127.0.0.1:1" }
        "#,
    },
    Service {
        piece: "control-plane",
        name: "control plane",
        config: r#"
            listen = "127.0.0.1:0"
            internal_listen = "127.0.0.1:0"
            region = "local"
            gateway_address = "127.0.0.1:1"
            operator_key = "k"
            internal_token = "t"
            metering = "127.0.0.1:1"
            billing = "127.0.0.1:1"
            system_cell = { address = "127.0.0.1:1" }
            cells = []
        "#,
    },
];

impl Service {
    /// Its configuration with this database, as a file in the folder.
    pub(crate) fn configure(&self, folder: &Path, database: &str) {
        let text =
            format!("database_url = \"sqlite:{database}\"\nlog = {{ level = \"error\" }}\n{}", self.config);
        std::fs::write(folder.join("config.toml"), text).unwrap();
    }

    pub(crate) fn serve(&self) -> [&'static str; 4] {
        [self.piece, "serve", "--config", "config.toml"]
    }
}

#[test]
fn a_database_that_another_process_uses_and_none_that_a_killed_one_used() {
    for service in SERVICES {
        let folder = tempfile::tempdir().unwrap();
        service.configure(folder.path(), "its.db");
        let first = Running::start(folder.path(), &service.serve());
        let message = format!("atoll: {} database its.db: in use by another process", service.name);
        refused_but_for(folder.path(), &service.serve(), &message, is_log);
        first.kill();
        let second = Running::start(folder.path(), &service.serve());
        refused_but_for(folder.path(), &service.serve(), &message, is_log);
        second.stop();
        Running::start(folder.path(), &service.serve()).stop();
    }
}

#[test]
fn a_cloud_whose_database_a_process_uses() {
    for service in SERVICES {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("FORMAT"), "atoll-data 1\n").unwrap();
        let database = format!("data/{}.db", service.piece);
        service.configure(folder.path(), &database);
        let _running = Running::start(folder.path(), &service.serve());
        let cloud = ["dev", "--data-dir", "data", "--gateway-port", "0", "--cloud-port", "0"];
        let message = format!("{} database {database}: in use by another process", service.name);
        refused_but_for(folder.path(), &cloud, &message, is_log);
    }
}

#[test]
fn a_database_that_cannot_be_made() {
    for service in SERVICES {
        let folder = tempfile::tempdir().unwrap();
        service.configure(folder.path(), "missing/its.db");
        let message = format!("{} database missing/its.db: cannot be made", service.name);
        refused(folder.path(), &service.serve(), &message);
        service.configure(folder.path(), "its.db");
        // In the way of the journal of its first transaction.
        std::fs::create_dir(folder.path().join("its.db-journal")).unwrap();
        refused(folder.path(), &service.serve(), &format!("{} database its.db", service.name));
    }
}
