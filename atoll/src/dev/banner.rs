//! What `atoll dev` says when everything serves.

use std::path::Path;

use super::ready_file::ReadyFile;
use crate::client::target::DEFAULT_READY_FILE;

/// Addresses, account, key and what to try next. `program` is how the user started us.
pub(super) fn banner(cloud: &ReadyFile, ready_file: &Path, program: &str, is_ephemeral: bool) -> String {
    let ReadyFile { gateway_address, cloud_address, account_id, api_key, .. } = cloud;
    // Shown to who starts a cloud on their own machine.
    let api_key = api_key.expose();
    let stored = if is_ephemeral {
        "nowhere: gone at the end".to_owned()
    } else {
        cloud.data_dir.display().to_string()
    };
    let clock = match &cloud.time_offset {
        Some(offset) => format!("  Clock        shifted by {offset} (development only)\n"),
        None => String::new(),
    };
    let shown = |what: &str, place: &Option<String>| match place {
        Some(place) => format!("  {what:<12} {place}\n"),
        None => String::new(),
    };
    let elsewhere = shown("Databases", &cloud.databases) + &shown("Objects", &cloud.objects);
    let export = if is_default(ready_file) {
        String::new()
    } else {
        let path = std::path::absolute(ready_file).unwrap_or_else(|_| ready_file.to_owned());
        format!("export ATOLL_READY_FILE={}\n  ", path.display())
    };
    format!(
        "Atoll {version} serves.\n\n  \
           Gateway      {gateway_address} (gRPC: SDKs connect here)\n  \
           Cloud API    http://{cloud_address} (gRPC and REST)\n  \
           Account      {account_id}\n  \
           API key      {api_key}\n  \
           Stored       {stored}\n\
         {elsewhere}\
         {clock}\n\
         Try next:\n\n  \
           {export}\
           {program} namespace create orders\n  \
           curl -H \"Authorization: Bearer {api_key}\" http://{cloud_address}/cloud/namespaces\n  \
           Python: await Client.connect(\"{gateway_address}\", namespace=\"orders.{account_id}\", api_key=\"{api_key}\", tls=False)\n  \
           {program} usage --by-hour\n\n\
         Ctrl-C stops it.\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// Whether a client command that is started here finds the file by itself.
fn is_default(ready_file: &Path) -> bool {
    Path::new(DEFAULT_READY_FILE).canonicalize().is_ok_and(|default| default == ready_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_elsewhere_is_named() {
        let cloud = ReadyFile {
            databases: Some("dev_* at h:5432".to_owned()),
            objects: Some("s3://usage/eu".to_owned()),
            ..ReadyFile::sample()
        };
        let text = banner(&cloud, Path::new("/data/dev.json"), "atoll", false);
        let lines =
            "  Stored       /data\n  Databases    dev_* at h:5432\n  Objects      s3://usage/eu\n\nTry next";
        assert!(text.contains(lines), "{text}");
    }

    #[test]
    fn the_banner_names_what_a_client_needs_and_a_shifted_clock() {
        let cloud = ReadyFile { time_offset: Some("40d".to_owned()), ..ReadyFile::sample() };
        let text = banner(&cloud, Path::new("/data/dev.json"), "bin/atoll", false);
        for part in [
            "127.0.0.1:7233",
            "127.0.0.1:8233",
            "x1y2z",
            "key.secret",
            "bin/atoll namespace create",
            "shifted by 40d",
            "/data/dev.json",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!banner(&ReadyFile::sample(), Path::new("/d"), "atoll", true).contains("shifted"));
    }
}
