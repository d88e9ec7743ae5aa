//! Keys and tokens of a dev cloud: made once, kept in its data directory.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use super::ready_file::write_private;

/// Bytes of randomness in a secret.
const SECRET_BYTES: usize = 32;

/// What pieces and the operator prove themselves with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// The operator's key.
    pub(crate) operator_key: String,
    /// Token of pieces for one another.
    pub(crate) internal_token: String,
    /// Token of each cell's admin listener, by cell id.
    pub(crate) cells: BTreeMap<String, String>,
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
            operator_key: format!("operator.{}", secret()?),
            internal_token: format!("internal.{}", secret()?),
            cells: cells
                .iter()
                .map(|cell| Ok(((*cell).to_owned(), secret()?)))
                .collect::<anyhow::Result<_>>()?,
        })
    }
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
        assert_eq!(made.cells["a"].len(), 2 * SECRET_BYTES);
        assert!(Secrets::load(&path, &["c"]).unwrap_err().to_string().contains("cell c"));
    }
}
