//! Reading rate cards.

use std::path::{Path, PathBuf};

use billing_core::rate_card::{Catalog, RateCardError, SEED_TOML, file::RateCardFile};
use thiserror::Error;

/// A rate card file that cannot be used. Billing does not start with it.
#[derive(Debug, Error)]
pub enum RateCardFileError {
    /// The file cannot be read.
    #[error("rate cards {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not of the right form.
    #[error("rate cards {origin}: {source}")]
    Form {
        /// The file, or `seed`.
        origin: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A card is wrong.
    #[error("rate cards {origin}: {source}")]
    Card {
        /// The file, or `seed`.
        origin: String,
        /// Which, and why.
        source: RateCardError,
    },
}

/// The cards of a file, or the seed.
pub(crate) fn load(path: Option<&Path>) -> Result<Catalog, RateCardFileError> {
    let Some(path) = path else { return parse("seed", SEED_TOML) };
    let text = std::fs::read_to_string(path)
        .map_err(|source| RateCardFileError::Read { path: path.to_owned(), source })?;
    parse(&path.display().to_string(), &text)
}

fn parse(origin: &str, text: &str) -> Result<Catalog, RateCardFileError> {
    let file: RateCardFile = toml::from_str(text)
        .map_err(|source| RateCardFileError::Form { origin: origin.to_owned(), source: Box::new(source) })?;
    Catalog::from_file(&file).map_err(|source| RateCardFileError::Card { origin: origin.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_loads_and_a_wrong_file_is_named() {
        assert_eq!(load(None).unwrap().versions("pay-as-you-go").len(), 1);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cards.toml");
        assert!(matches!(load(Some(&path)), Err(RateCardFileError::Read { .. })));
        std::fs::write(&path, "rate_cards = 3").unwrap();
        let error = load(Some(&path)).unwrap_err();
        assert!(matches!(error, RateCardFileError::Form { .. }));
        assert!(error.to_string().contains("cards.toml"), "{error}");
        std::fs::write(&path, SEED_TOML.replace("version = 1", "version = 2")).unwrap();
        assert!(load(Some(&path)).unwrap_err().to_string().contains("expected version 1 next, found 2"));
    }
}
