//! What a running `atoll dev` says about itself, as JSON in a file that only its owner reads.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use atoll_secret::Secret;
use serde::{Deserialize, Serialize};

/// Format of the file; readers refuse others.
const VERSION: u32 = 1;

/// A running cloud. Readers ignore fields that they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadyFile {
    /// Format of the file.
    pub(crate) version: u32,
    /// `host:port` that SDKs connect to (gRPC).
    pub(crate) gateway_address: String,
    /// `host:port` of the Cloud API (gRPC and REST).
    pub(crate) cloud_address: String,
    /// The account made at the first start.
    pub(crate) account_id: String,
    /// Its admin key.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) api_key: Secret,
    /// Key of the cloud's operator.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) operator_key: Secret,
    /// The region that namespaces are created in.
    pub(crate) region: String,
    /// Where everything is stored.
    pub(crate) data_dir: PathBuf,
    /// Its databases, where they are on a server.
    #[serde(default)]
    pub(crate) databases: Option<String>,
    /// Its object store, where that is not in `data_dir`.
    #[serde(default)]
    pub(crate) objects: Option<String>,
    /// How far the cloud's clock is shifted; unset when it is not.
    pub(crate) time_offset: Option<String>,
    /// Process id of the supervisor.
    pub(crate) supervisor_pid: u32,
    /// The pieces by name.
    pub(crate) processes: BTreeMap<String, ProcessEntry>,
}

/// One running piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessEntry {
    /// Process id; unset while it is being started again.
    pub(crate) pid: Option<u32>,
    /// `host:port` that it serves, with health and `/metrics`.
    pub(crate) address: String,
}

impl ReadyFile {
    /// The version that this binary writes.
    pub(crate) const VERSION: u32 = VERSION;

    /// Reads and checks a ready file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("no ready file {}: is `atoll dev` running?", path.display())
            }
            Err(error) => return Err(error).with_context(|| format!("ready file {}", path.display())),
        };
        let file: Self =
            serde_json::from_str(&text).with_context(|| format!("ready file {}", path.display()))?;
        if file.version != VERSION {
            bail!("ready file {}: version {} is not {VERSION}", path.display(), file.version);
        }
        Ok(file)
    }

    /// Writes the file in one step, so that a reader sees the old one or the new one. Mode 0600.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_private(path, text.as_bytes()).with_context(|| format!("ready file {}", path.display()))
    }

    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            version: VERSION,
            gateway_address: "127.0.0.1:7233".to_owned(),
            cloud_address: "127.0.0.1:8233".to_owned(),
            account_id: "x1y2z".to_owned(),
            api_key: "key.secret".into(),
            operator_key: "operator.secret".into(),
            region: "local".to_owned(),
            data_dir: PathBuf::from("/data"),
            databases: None,
            objects: None,
            time_offset: None,
            supervisor_pid: 1,
            processes: BTreeMap::new(),
        }
    }
}

/// Replaces a file in one step, with mode 0600 from the start.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    // The mode above only holds for a file that was not left over.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_by_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dev.json");
        std::fs::write(&path, "older").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let before = elsewhere.path().join("before.json");
        std::fs::hard_link(&path, &before).unwrap();
        let sample = ReadyFile::sample();
        sample.write(&path).unwrap();
        assert_eq!(ReadyFile::read(&path).unwrap(), sample);
        assert_eq!(std::fs::read_to_string(&before).unwrap(), "older", "nothing is written over");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn other_files_are_refused_with_their_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dev.json");
        let newer = serde_json::to_string(&ReadyFile { version: 2, ..ReadyFile::sample() }).unwrap();
        for content in ["", "{}", "not json", newer.as_str()] {
            std::fs::write(&path, content).unwrap();
            let error = format!("{:#}", ReadyFile::read(&path).unwrap_err());
            assert!(error.contains("dev.json"), "{error}");
        }
    }
}
