//! From the written form of one card to the validated one.

use std::collections::BTreeMap;

use super::file::{AddOnSpec, PlanSpec, PriceSpec, RateCardSpec, TierSpec};
use super::{AddOn, MeterPrice, Plan, RateCard, RateCardError, RateCardRef, Units};
use crate::money::ExactDecimal;
use crate::price::{FlatPrice, GraduatedTiers, PercentageWithMinimum, PriceModel, Tier, UnitPrice};
use crate::usage::Meter;

/// Validates one version on its own; how versions follow each other is [`super::Catalog`]'s matter.
pub(super) fn validate(spec: &RateCardSpec) -> Result<RateCard, RateCardError> {
    let at = Place { card: format!("{:?} v{}", spec.id, spec.version) };
    at.check(!spec.id.is_empty(), "id", "is empty")?;
    at.check(!spec.plans.is_empty(), "plans", "are missing")?;
    let ends_after_start = spec.effective_until.is_none_or(|until| until > spec.effective_from);
    at.check(ends_after_start, "effective_until", "is not after effective_from")?;
    let units = Units {
        actions_per_price: spec.units.actions_per_price,
        bytes_per_gb: spec.units.bytes_per_gb,
        hours_per_gb_month: spec.units.hours_per_gb_month,
    };
    let sizes = [units.actions_per_price, units.bytes_per_gb, units.hours_per_gb_month];
    at.check(sizes.iter().all(|size| *size > 0), "units", "contain a zero")?;

    let mut plans = BTreeMap::new();
    for plan in &spec.plans {
        if plans.insert(plan.id.clone(), at.plan(plan, &units)?).is_some() {
            return Err(at.duplicate("plan", &plan.id));
        }
    }
    let mut add_ons = BTreeMap::new();
    for add_on in &spec.add_ons {
        if add_ons.insert(add_on.id.clone(), at.add_on(add_on)?).is_some() {
            return Err(at.duplicate("add-on", &add_on.id));
        }
    }
    Ok(RateCard {
        reference: RateCardRef { id: spec.id.clone(), version: spec.version },
        currency: spec.currency,
        effective_from: spec.effective_from,
        effective_until: spec.effective_until,
        units,
        plans,
        add_ons,
    })
}

/// The card that messages name.
struct Place {
    card: String,
}

impl Place {
    fn check(&self, holds: bool, field: &str, problem: &str) -> Result<(), RateCardError> {
        if holds { Ok(()) } else { Err(self.field(field, problem)) }
    }

    fn field(&self, field: &str, problem: &str) -> RateCardError {
        RateCardError::Field { card: self.card.clone(), field: field.to_owned(), problem: problem.to_owned() }
    }

    fn duplicate(&self, what: &'static str, id: &str) -> RateCardError {
        RateCardError::Duplicate { card: self.card.clone(), what, id: id.to_owned() }
    }

    fn plan(&self, spec: &PlanSpec, units: &Units) -> Result<Plan, RateCardError> {
        let name = |field: &str| format!("plan {:?}: {field}", spec.id);
        let percent = spec.fee.percent_of_usage;
        let at_most_hundred = percent.mantissa() <= 100 * 10_i128.pow(u32::from(percent.scale()));
        self.check(
            !percent.is_negative() && at_most_hundred,
            &name("fee.percent_of_usage"),
            "is not from 0 to 100",
        )?;
        let factor = percent
            .percent_to_factor()
            .map_err(|error| self.field(&name("fee.percent_of_usage"), &error.to_string()))?;
        let minimum = self.price(&name("fee.minimum"), spec.fee.minimum)?;

        let gb_month = units.byte_milliseconds_per_gbh().checked_mul(u128::from(units.hours_per_gb_month));
        let storage = |field: &str, gb: ExactDecimal| {
            gb_month
                .and_then(|size| gb.whole_product(size))
                .ok_or_else(|| self.field(&name(field), "is not a whole number of byte-milliseconds"))
        };
        let included = &spec.included;
        let priced = [
            (Meter::Actions, u128::from(included.actions), &spec.actions),
            (
                Meter::ActiveStorage,
                storage("included.active_storage_gb", included.active_storage_gb)?,
                &spec.active_storage,
            ),
            (
                Meter::RetainedStorage,
                storage("included.retained_storage_gb", included.retained_storage_gb)?,
                &spec.retained_storage,
            ),
        ];
        let mut prices = BTreeMap::new();
        for (meter, included, price) in priced {
            let model = self.model(&name(meter.code()), price, units.pricing_unit(meter).size)?;
            prices.insert(meter, MeterPrice { included, model });
        }
        let fee = PercentageWithMinimum { minimum: FlatPrice { price: minimum }, factor };
        Ok(Plan { id: spec.id.clone(), name: spec.name.clone(), fee, prices })
    }

    fn add_on(&self, spec: &AddOnSpec) -> Result<AddOn, RateCardError> {
        let price = self.price(&format!("add-on {:?}: price_per_month", spec.id), spec.price_per_month)?;
        Ok(AddOn { id: spec.id.clone(), name: spec.name.clone(), price: FlatPrice { price } })
    }

    fn model(&self, field: &str, spec: &PriceSpec, unit_size: u128) -> Result<PriceModel, RateCardError> {
        match spec {
            PriceSpec::Unit { price } => {
                Ok(PriceModel::Unit(UnitPrice { price: self.price(field, *price)? }))
            }
            PriceSpec::Graduated { tiers } => {
                let tiers = tiers
                    .iter()
                    .map(|tier| self.tier(field, tier, unit_size))
                    .collect::<Result<Vec<_>, RateCardError>>()?;
                GraduatedTiers::new(tiers).map(PriceModel::Graduated).map_err(|source| {
                    RateCardError::Ladder { card: self.card.clone(), field: field.to_owned(), source }
                })
            }
        }
    }

    fn tier(&self, field: &str, spec: &TierSpec, unit_size: u128) -> Result<Tier, RateCardError> {
        let up_to = spec
            .up_to
            .map(|bound| {
                bound.whole_product(unit_size).ok_or_else(|| {
                    self.field(field, &format!("has a tier bound {bound} that is not a whole quantity"))
                })
            })
            .transpose()?;
        Ok(Tier { up_to, price: self.price(field, spec.price)? })
    }

    fn price(&self, field: &str, price: ExactDecimal) -> Result<ExactDecimal, RateCardError> {
        self.check(!price.is_negative(), field, "has a negative price")?;
        Ok(price)
    }
}
