//! Servers that follow another one, and take its place.

use crate::installed::{program, run};
use crate::server::Server;

impl Server {
    /// A server of the same version that follows this one by streaming replication and calls itself so. It has what
    /// this one had, and is up to date some moment after the answer.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    pub fn standby(&self, name: &str) -> Server {
        let standby = Server::in_new_folder();
        let primary =
            format!("host=127.0.0.1 port={} user=postgres application_name={name}", self.address().port());
        let mut backup = program("pg_basebackup");
        backup.args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d"]).arg(primary);
        run(backup.arg("-D").arg(standby.data()));
        standby.configure(&format!("port = {}\n", standby.address().port()));
        standby.resume();
        standby
    }

    /// Makes a standby follow nobody any more, and answers when it takes writes.
    pub fn promote(&self) {
        run(program("pg_ctl").arg("-D").arg(self.data()).args(["-w", "-s", "promote"]));
    }
}
