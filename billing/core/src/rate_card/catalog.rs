//! All versions of all cards, and which one is in force.

use std::collections::BTreeMap;

use super::file::{RateCardFile, RateCardSpec};
use super::validate::validate;
use super::{RateCard, RateCardError, RateCardRef};
use crate::month::Month;

/// Validated cards. Every month from a card's first version on has exactly one price, until its last version ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    cards: BTreeMap<String, Vec<RateCard>>,
}

impl Catalog {
    /// Validates a file. Errors name the first card and field that is wrong; nothing of a wrong file is used.
    pub fn from_file(file: &RateCardFile) -> Result<Self, RateCardError> {
        let mut by_id: BTreeMap<&str, Vec<&RateCardSpec>> = BTreeMap::new();
        for spec in &file.rate_cards {
            by_id.entry(&spec.id).or_default().push(spec);
        }
        let mut cards = BTreeMap::new();
        for (id, mut specs) in by_id {
            specs.sort_by_key(|spec| (spec.effective_from, spec.version));
            let versions = specs.into_iter().map(validate).collect::<Result<Vec<_>, _>>()?;
            check_succession(id, &versions)?;
            cards.insert(id.to_owned(), versions);
        }
        Ok(Self { cards })
    }

    /// The version of card `id` that prices `month`. Errors when none does.
    pub fn in_force(&self, id: &str, month: Month) -> Result<&RateCard, RateCardError> {
        self.versions(id)
            .iter()
            .find(|card| card.covers(month))
            .ok_or_else(|| RateCardError::NotInForce { id: id.to_owned(), month })
    }

    /// The version that an invoice names. Errors when the catalog lacks it.
    pub fn version(&self, reference: &RateCardRef) -> Result<&RateCard, RateCardError> {
        self.versions(&reference.id)
            .iter()
            .find(|card| card.reference == *reference)
            .ok_or_else(|| RateCardError::UnknownVersion(reference.clone()))
    }

    /// All versions of a card, oldest first; none for an unknown card.
    pub fn versions(&self, id: &str) -> &[RateCard] {
        self.cards.get(id).map_or(&[], Vec::as_slice)
    }
}

fn check_succession(id: &str, versions: &[RateCard]) -> Result<(), RateCardError> {
    for (expected, card) in (1..).zip(versions) {
        let found = card.reference.version;
        if found != expected {
            return Err(RateCardError::VersionOrder { id: id.to_owned(), expected, found });
        }
    }
    for pair in versions.windows(2) {
        let [earlier, later] = pair else { continue };
        let (version, from) = (later.reference.version, later.effective_from);
        match earlier.effective_until {
            Some(until) if until < from => {
                return Err(RateCardError::Gap { id: id.to_owned(), from: until, until: from });
            }
            Some(until) if until == from => {}
            _ => return Err(RateCardError::Overlap { id: id.to_owned(), version, from }),
        }
        if earlier.currency != later.currency {
            return Err(RateCardError::CurrencyChange { id: id.to_owned(), version });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Meter;

    fn seed() -> RateCardFile {
        toml::from_str(super::super::SEED_TOML).unwrap()
    }

    /// The seed with each of these spans (from, until) as one version.
    fn versions(spans: &[(u32, &str, Option<&str>)]) -> RateCardFile {
        let base = seed().rate_cards.remove(0);
        let rate_cards = spans
            .iter()
            .map(|(version, from, until)| RateCardSpec {
                version: *version,
                effective_from: from.parse().unwrap(),
                effective_until: until.map(|until| until.parse().unwrap()),
                ..base.clone()
            })
            .collect();
        RateCardFile { rate_cards }
    }

    #[test]
    fn a_month_has_one_price() {
        let file = versions(&[(2, "2026-02", None), (1, "2026-01", Some("2026-02"))]);
        let catalog = Catalog::from_file(&file).unwrap();
        let version = |month: &str| {
            catalog.in_force("pay-as-you-go", month.parse().unwrap()).map(|card| card.reference.version)
        };
        assert_eq!(version("2026-01"), Ok(1));
        assert_eq!(version("2026-02"), Ok(2));
        assert_eq!(version("2035-12"), Ok(2));
        assert!(matches!(version("2025-12"), Err(RateCardError::NotInForce { .. })));
        let third = RateCardRef { id: "pay-as-you-go".to_owned(), version: 3 };
        assert_eq!(catalog.version(&third), Err(RateCardError::UnknownVersion(third.clone())));
    }

    #[test]
    fn versions_follow_each_other() {
        let error = |spans: &[_]| Catalog::from_file(&versions(spans)).unwrap_err().to_string();
        assert_eq!(
            error(&[(1, "2026-01", Some("2026-03")), (2, "2026-05", None)]),
            r#"rate card "pay-as-you-go": no version is in force from 2026-03 until 2026-05"#
        );
        assert_eq!(
            error(&[(1, "2026-01", Some("2026-03")), (2, "2026-02", None)]),
            r#"rate card "pay-as-you-go": version 2 starts in 2026-02 while version 1 is in force"#
        );
        assert!(error(&[(1, "2026-01", None), (2, "2026-02", None)]).contains("while version 1 is in force"));
        assert!(
            error(&[(1, "2026-01", Some("2026-02")), (3, "2026-02", None)])
                .contains("expected version 2 next, found 3")
        );
        assert!(
            error(&[(1, "2026-01", Some("2026-01"))]).contains("effective_until is not after effective_from")
        );
        let mut file = versions(&[(1, "2026-01", Some("2026-02")), (2, "2026-02", None)]);
        file.rate_cards[1].currency = "EUR".parse().unwrap();
        assert!(
            Catalog::from_file(&file).unwrap_err().to_string().contains("version 2 changes the currency")
        );
    }

    #[test]
    fn wrong_values_name_card_and_field() {
        let cases = [
            (
                r#"price = "0.042""#,
                r#"price = "-0.042""#,
                r#"plan "developer": active-storage has a negative price"#,
            ),
            (
                r#"minimum = "500""#,
                r#"minimum = "-1""#,
                r#"plan "business": fee.minimum has a negative price"#,
            ),
            (r#"percent_of_usage = "10""#, r#"percent_of_usage = "100.1""#, "is not from 0 to 100"),
            (r#"up_to = "10""#, r#"up_to = "5""#, "tier 2 does not end above the tier before it"),
            (
                r#"up_to = "5""#,
                r#"up_to = "0.0000001""#,
                "has a tier bound 0.0000001 that is not a whole quantity",
            ),
            (
                r#"{ price = "25" }"#,
                r#"{ up_to = "200", price = "25" }"#,
                "the last tier must have no `up_to`",
            ),
            ("bytes_per_gb = 1_000_000_000", "bytes_per_gb = 0", "units contain a zero"),
            (r#"id = "business""#, r#"id = "developer""#, r#"plan "developer" stands twice"#),
            (
                r#"active_storage_gb = "2.5""#,
                r#"active_storage_gb = "-1""#,
                "not a whole number of byte-milliseconds",
            ),
            (
                r#"price_per_month = "500""#,
                r#"price_per_month = "-1""#,
                r#"add-on "scim": price_per_month has a negative"#,
            ),
        ];
        for (right, wrong, message) in cases {
            let text = super::super::SEED_TOML.replacen(right, wrong, 1);
            assert_ne!(text, super::super::SEED_TOML, "{right}");
            let error = Catalog::from_file(&toml::from_str(&text).unwrap()).unwrap_err().to_string();
            assert!(
                error.starts_with(r#"rate card "pay-as-you-go" v1: "#) && error.contains(message),
                "{error}"
            );
        }
    }

    #[test]
    fn a_fee_may_be_nothing_or_all_of_the_usage() {
        for (percent, allowed) in [
            ("0", true),
            ("12.5", true),
            ("100.0", true),
            ("100.0001", false),
            ("101", false),
            ("-0.1", false),
        ] {
            let right = r#"percent_of_usage = "10""#;
            let text =
                super::super::SEED_TOML.replacen(right, &format!(r#"percent_of_usage = "{percent}""#), 1);
            assert_ne!(text, super::super::SEED_TOML);
            let catalog = Catalog::from_file(&toml::from_str(&text).unwrap());
            assert_eq!(catalog.is_ok(), allowed, "{percent} %: {catalog:?}");
        }
    }

    #[test]
    fn a_pricing_unit_of_actions_is_called_what_it_is() {
        for (size, name) in [("1_000_000", "1 million Actions"), ("1_000", "1000 Actions")] {
            let text = super::super::SEED_TOML
                .replace("actions_per_price = 1_000_000", &format!("actions_per_price = {size}"));
            let catalog = Catalog::from_file(&toml::from_str(&text).unwrap()).unwrap();
            let unit = catalog.versions("pay-as-you-go")[0].units.pricing_unit(Meter::Actions);
            assert_eq!((unit.size.to_string(), unit.name.as_str()), (size.replace('_', ""), name));
        }
    }

    #[test]
    fn unknown_keys_and_bare_numbers_are_refused() {
        for (right, wrong) in [
            ("currency =", "curency ="),
            (r#"price = "50""#, "price = 50.0"),
            (r#"model = "unit""#, r#"model = "volume""#),
        ] {
            let text = super::super::SEED_TOML.replacen(right, wrong, 1);
            assert!(toml::from_str::<RateCardFile>(&text).is_err(), "{wrong}");
        }
    }
}
