//! Keys and tokens of a dev cloud: made once, kept in its data directory.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use atoll_secret::Secret;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize, Serializer};

use super::ready_file::write_private;

/// Bytes of randomness in a secret.
const SECRET_BYTES: usize = 32;

/// What pieces and the operator prove themselves with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// The operator's key.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) operator_key: Secret,
    /// Token of pieces for one another.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) internal_token: Secret,
    /// Token of each cell's admin listener, by cell id.
    #[serde(serialize_with = "write_all")]
    pub(crate) cells: BTreeMap<String, Secret>,
}

impl Secrets {
    /// Reads them, or makes them at the first start.
    pub(crate) fn load(path: &Path, cells: &[&str]) -> anyhow::Result<Self> {
        let name = || format!("secrets {}", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let secrets: Self = serde_json::from_str(&text).with_context(name)?;
                for cell in cells {
                    secrets
                        .cells
                        .get(*cell)
                        .with_context(|| format!("{}: no token of cell {cell}", name()))?;
                }
                Ok(secrets)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let secrets = Self::generate(cells)?;
                write_private(path, serde_json::to_string_pretty(&secrets)?.as_bytes()).with_context(name)?;
                Ok(secrets)
            }
            Err(error) => Err(error).with_context(name),
        }
    }

    fn generate(cells: &[&str]) -> anyhow::Result<Self> {
        Ok(Self {
            operator_key: format!("operator.{}", secret()?).into(),
            internal_token: format!("internal.{}", secret()?).into(),
            cells: cells
                .iter()
                .map(|cell| Ok(((*cell).to_owned(), secret()?.into())))
                .collect::<anyhow::Result<_>>()?,
        })
    }
}

/// For the file that only its owner reads.
fn write_all<S: Serializer>(cells: &BTreeMap<String, Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(cells.iter().map(|(cell, token)| (cell, token.expose())))
}

fn secret() -> anyhow::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    OsRng.try_fill_bytes(&mut bytes).context("the system has no randomness")?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_the_same_and_differ_from_one_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets.json");
        let made = Secrets::load(&path, &["a", "b"]).unwrap();
        assert_eq!(Secrets::load(&path, &["a", "b"]).unwrap(), made);
        assert_ne!(made.cells["a"], made.cells["b"]);
        assert_eq!(made.cells["a"].expose().len(), 2 * SECRET_BYTES);
        assert!(Secrets::load(&path, &["c"]).unwrap_err().to_string().contains("cell c"));
    }
}
