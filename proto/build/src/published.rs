//! The published `.proto` files, which are taken from the sources of the `temporalio-protos` crate: no copy of them is
//! kept in this repository.
//!
//! That crate's own descriptor set (`DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH`) has lost the `google.api.http` options, so
//! the files are compiled again; the set still serves to prove that the files found are the right ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use prost_reflect::DescriptorPool;
use serde_json::Value;

use crate::{Descriptors, Error};

const CRATE: &str = "temporalio-protos";
const DESCRIPTOR_VARIABLE: &str = "DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH";

/// Folders below the crate's `protos` that imports are resolved against, most specific first.
const INCLUDES: &[&str] = &["api_upstream", "api_cloud_upstream", "grpc", ""];

/// What Atoll serves or stores; whatever these import comes along.
const ROOTS: &[&str] = &[
    "api_upstream/temporal/api/workflowservice/v1/service.proto",
    "api_upstream/temporal/api/operatorservice/v1/service.proto",
    "api_cloud_upstream/temporal/api/cloud/cloudservice/v1/service.proto",
    "api_upstream/temporal/api/errordetails/v1/message.proto",
    "api_upstream/temporal/api/export/v1/message.proto",
    "api_upstream/temporal/api/nexusservices/workerservice/v1/request_response.proto",
    "grpc/health/v1/health.proto",
    "google/rpc/status.proto",
];

/// The include path with which files that import published ones compile.
pub fn includes(protos: &Path) -> Vec<PathBuf> {
    INCLUDES.iter().map(|include| protos.join(include)).collect()
}

/// Compiles the published contract out of `protos`, the folder that [`locate`] found, and checks it against the crate.
pub fn compile(protos: &Path) -> Result<Descriptors, Error> {
    let files: Vec<PathBuf> = ROOTS.iter().map(|root| protos.join(root)).collect();
    let descriptors = Descriptors::compile(&files, &includes(protos))?;
    verify(protos, descriptors.pool())?;
    Ok(descriptors)
}

/// The `protos` folder of the crate: asked from Cargo, else looked up where Cargo unpacks registry crates (offline, a
/// full `cargo metadata` needs packages that a partial build never fetched).
pub fn locate() -> Result<PathBuf, Error> {
    let mut tried = Vec::new();
    for attempt in [from_metadata as fn() -> Result<PathBuf, String>, from_registry] {
        match attempt() {
            Ok(root) if root.join("protos").is_dir() => return Ok(root.join("protos")),
            Ok(root) => tried.push(format!("{} has no protos folder", root.display())),
            Err(reason) => tried.push(reason),
        }
    }
    Err(Error::SourcesNotFound { name: CRATE, reason: tried.join("; ") })
}

fn from_metadata() -> Result<PathBuf, String> {
    let output = Command::new(variable("CARGO")?)
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform"])
        .arg(variable("TARGET")?)
        .current_dir(variable("CARGO_MANIFEST_DIR")?)
        .output()
        .map_err(|error| format!("cargo metadata does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == CRATE)
        .and_then(|package| package["manifest_path"].as_str())
        .and_then(|manifest| Path::new(manifest).parent())
        .map(Path::to_owned)
        .ok_or_else(|| format!("cargo metadata does not list {CRATE}"))
}

fn from_registry() -> Result<PathBuf, String> {
    let home = variable("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|_| variable("HOME").map(|home| Path::new(&home).join(".cargo")))?;
    let version = locked_version()?;
    let sources = home.join("registry/src");
    let registries =
        std::fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    registries
        .flatten()
        .map(|registry| registry.path().join(format!("{CRATE}-{version}")))
        .find(|root| root.is_dir())
        .ok_or_else(|| format!("{} has no {CRATE}-{version}", sources.display()))
}

/// The version that the nearest `Cargo.lock` names.
fn locked_version() -> Result<String, String> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let lock = manifest
        .ancestors()
        .map(|folder| folder.join("Cargo.lock"))
        .find(|lock| lock.is_file())
        .ok_or("no Cargo.lock above the manifest")?;
    let text = std::fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    version_in(&text).ok_or_else(|| format!("{} does not list {CRATE}", lock.display()))
}

fn version_in(lock: &str) -> Option<String> {
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{CRATE}\"\n")))?;
    let line = entry.lines().find_map(|line| line.strip_prefix("version = \""))?;
    Some(line.trim_end_matches('"').to_owned())
}

fn variable(name: &'static str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}

/// Every RPC of our set must be in the crate's own set, and the other way round for the services that both have.
fn verify(protos: &Path, ours: &DescriptorPool) -> Result<(), Error> {
    let path = std::env::var_os(DESCRIPTOR_VARIABLE).ok_or(Error::MissingVariable(DESCRIPTOR_VARIABLE))?;
    let theirs = Descriptors::read_pool(Path::new(&path))?;
    let shared: BTreeSet<String> = ours.services().map(|service| service.full_name().to_owned()).collect();
    let (ours, theirs) = (rpcs(ours, &shared), rpcs(&theirs, &shared));
    match ours.symmetric_difference(&theirs).next() {
        None => Ok(()),
        Some(rpc) => Err(Error::Mismatch {
            name: CRATE,
            path: protos.to_owned(),
            reason: format!("only one of them has {rpc}"),
        }),
    }
}

fn rpcs(pool: &DescriptorPool, services: &BTreeSet<String>) -> BTreeSet<String> {
    pool.services()
        .filter(|service| services.contains(service.full_name()))
        .flat_map(|service| service.methods().map(|method| method.full_name().to_owned()).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version_is_that_of_the_named_package() {
        let lock = "[[package]]\nname = \"temporalio-protos-extra\"\nversion = \"9.9.9\"\n\n[[package]]\nname = \
                    \"temporalio-protos\"\nversion = \"0.10.2\"\n\n[[package]]\nname = \"z\"\nversion = \"1.0.0\"\n";
        assert_eq!(version_in(lock).as_deref(), Some("0.10.2"));
        assert_eq!(version_in("[[package]]\nname = \"z\"\nversion = \"1.0.0\"\n"), None);
    }
}
