//! Certificates.

use crate::installed::run;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Who vouches for servers: a key and a certificate of its own, in a folder that goes with this.
pub struct Authority {
    folder: TempDir,
}

impl Authority {
    /// A new authority, which nobody trusts yet.
    #[allow(clippy::new_without_default, reason = "makes a key")]
    pub fn new() -> Authority {
        let folder = TempDir::new().expect("a temporary folder");
        let made = Authority { folder };
        let mut request = openssl("req");
        request.args(["-x509", "-subj", "/CN=tests", "-days", "2"]).args(KEY);
        run(request.arg("-keyout").arg(made.path("ca.key")).arg("-out").arg(made.certificate()));
        made
    }

    /// Its certificate: what a client that trusts it is given.
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// Certificate and key of a server with this name, in the folder.
    pub(crate) fn issue(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
        let (request, extension) = (self.path("server.csr"), self.path("server.ext"));
        let mut asked = openssl("req");
        asked.args(["-subj", &format!("/CN={name}")]).args(KEY);
        run(asked.arg("-keyout").arg(&key).arg("-out").arg(&request));
        std::fs::write(&extension, format!("subjectAltName=DNS:{name}\n")).expect("the extension is written");
        let mut sign = openssl("x509");
        sign.args(["-req", "-days", "2", "-CAcreateserial"]).arg("-in").arg(&request);
        sign.arg("-CA").arg(self.certificate()).arg("-CAkey").arg(self.path("ca.key"));
        run(sign.arg("-extfile").arg(&extension).arg("-out").arg(&certificate));
        (certificate, key)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn openssl(command: &str) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.arg(command);
    openssl
}
