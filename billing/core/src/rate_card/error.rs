//! What can be wrong with rate cards.

use thiserror::Error;

use super::RateCardRef;
use crate::month::Month;
use crate::price::LadderError;

/// A card that must not price anything. Messages name the card and the field, so that the file can be put right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RateCardError {
    /// A field's value is out of range.
    #[error("rate card {card}: {field} {problem}")]
    Field {
        /// The card, `id v1`.
        card: String,
        /// The field, such as `plan "business": actions`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Tiers that form no ladder.
    #[error("rate card {card}: {field}: {source}")]
    Ladder {
        /// The card, `id v1`.
        card: String,
        /// The field.
        field: String,
        /// What is wrong with the tiers.
        source: LadderError,
    },
    /// Two plans or add-ons share an id.
    #[error("rate card {card}: {what} {id:?} stands twice")]
    Duplicate {
        /// The card, `id v1`.
        card: String,
        /// `plan` or `add-on`.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// Versions are not 1, 2, 3 and so on in order of their months.
    #[error("rate card {id:?}: expected version {expected} next, found {found}")]
    VersionOrder {
        /// The card.
        id: String,
        /// The version that should follow.
        expected: u32,
        /// The version that does.
        found: u32,
    },
    /// A version starts before its predecessor ends, or the predecessor has no end.
    #[error("rate card {id:?}: version {version} starts in {from} while version {} is in force", .version - 1)]
    Overlap {
        /// The card.
        id: String,
        /// The later version.
        version: u32,
        /// When it starts.
        from: Month,
    },
    /// Months between two versions have no price.
    #[error("rate card {id:?}: no version is in force from {from} until {until}")]
    Gap {
        /// The card.
        id: String,
        /// First month without price.
        from: Month,
        /// First month with a price again.
        until: Month,
    },
    /// Versions of one card differ in currency: an account's balance would change currency unasked.
    #[error("rate card {id:?}: version {version} changes the currency")]
    CurrencyChange {
        /// The card.
        id: String,
        /// The version.
        version: u32,
    },
    /// No version of the card prices the month.
    #[error("rate card {id:?} has no version for {month}")]
    NotInForce {
        /// The card.
        id: String,
        /// The month.
        month: Month,
    },
    /// An invoice names a version that the catalog lacks.
    #[error("rate card {:?} has no version {}", .0.id, .0.version)]
    UnknownVersion(RateCardRef),
}
