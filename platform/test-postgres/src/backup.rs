//! Physical backups with an archive of the WAL, and servers that are restored from them.

use crate::installed::{give, program, run};
use crate::server::Server;
use std::process::Command;
use std::time::Duration;

/// Settings of a server whose WAL is archived, in a folder beside its cluster.
pub const ARCHIVED: [(&str, &str); 2] =
    [("archive_mode", "on"), ("archive_command", "mkdir -p ../archive && cp %p ../archive/%f")];

/// Between two looks at what the server does by itself.
const LOOK: Duration = Duration::from_millis(20);

impl Server {
    /// Takes a base backup, as it is done on a server that serves. The server was started with [`ARCHIVED`].
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn back_up(&self) {
        let mut backup = program("pg_basebackup");
        backup.args(["-h", "127.0.0.1", "-U", "postgres", "-c", "fast", "-p"]);
        run(backup.arg(self.address().port().to_string()).arg("-D").arg(self.folder().join("base")));
    }

    /// Names this moment, up to which a backup can be restored, and waits until it is in the archive.
    pub fn restore_point(&self, name: &str) {
        self.sql("postgres", &format!("SELECT pg_create_restore_point('{name}')"));
        let file = self.sql("postgres", "SELECT pg_walfile_name(pg_switch_wal())");
        let archived = self.folder().join("archive").join(file);
        while !archived.exists()
            || self.sql("postgres", "SELECT last_archived_wal FROM pg_stat_archiver").is_empty()
        {
            std::thread::sleep(LOOK);
        }
    }

    /// Another server, of this one's backup and archive up to a [`restore_point`](Self::restore_point), that has been
    /// promoted and writes. This one need not run.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restored(&self, point: &str) -> Server {
        let server = Server::in_new_folder();
        run(Command::new("cp").arg("-a").arg(self.folder().join("base")).arg(server.data()));
        let port = server.address().port();
        let archive = self.folder().join("archive");
        server.configure(&format!(
            "port = {port}\narchive_mode = off\nrestore_command = 'cp {}/%f %p'\nrecovery_target_name = '{point}'\n\
             recovery_target_action = 'promote'\n",
            archive.display()
        ));
        std::fs::write(server.data().join("recovery.signal"), "").expect("a signal");
        give(&server.data());
        server.resume();
        while server.sql("postgres", "SELECT pg_is_in_recovery()") != "f" {
            std::thread::sleep(LOOK);
        }
        server
    }
}
