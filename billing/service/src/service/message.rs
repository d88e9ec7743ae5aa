//! From invoices and rate cards to messages. Exact numbers become decimal strings.

use atoll_internal_api::billing::v1 as pb;
use atoll_rpc::wire_time;
use billing_core::invoice::InvoiceStatus;
use billing_core::line::InvoiceLine;
use billing_core::price::PriceModel;
use billing_core::rate_card::{AddOn, MeterPrice, Plan, RateCard};
use billing_core::rating::NamespaceCost;
use billing_core::usage::Meter;

use crate::store::InvoiceRecord;

/// An invoice; without lines where the record has none.
pub(super) fn invoice(record: &InvoiceRecord) -> pb::Invoice {
    let content = &record.content;
    let status = match record.status {
        InvoiceStatus::Draft => pb::InvoiceStatus::Draft,
        InvoiceStatus::Finalized => pb::InvoiceStatus::Finalized,
        InvoiceStatus::Paid => pb::InvoiceStatus::Paid,
        InvoiceStatus::Void => pb::InvoiceStatus::Void,
    };
    pb::Invoice {
        id: content.id.to_string(),
        number: content.number.clone(),
        account_id: content.account_id.clone(),
        account_name: content.account_name.clone(),
        month: content.month.to_string(),
        status: status.into(),
        currency: content.currency.to_string(),
        plan_id: content.plan_id.clone(),
        rate_card_id: content.rate_card.id.clone(),
        rate_card_version: content.rate_card.version,
        usage_until: Some(wire_time::from_instant(content.usage_until)),
        lines: content.lines.iter().map(line).collect(),
        namespace_costs: content.namespace_costs.iter().map(namespace_cost).collect(),
        total: content.total.to_decimal_string(),
        forced: content
            .forced
            .as_ref()
            .map(|forced| pb::ForcedClose { reason: forced.reason.clone(), missing: forced.missing.clone() }),
        content_hash: record.content_hash.clone(),
        finalized_time: record.finalized_at.map(wire_time::from_instant),
    }
}

fn line(line: &InvoiceLine) -> pb::InvoiceLine {
    pb::InvoiceLine {
        code: line.code.clone(),
        kind: line.kind.code().to_owned(),
        description: line.description.clone(),
        period_start: Some(wire_time::from_instant(line.period.start)),
        period_end: Some(wire_time::from_instant(line.period.end)),
        corrects_month: line.corrects.map(|month| month.to_string()).unwrap_or_default(),
        quantity: line.quantity.to_string(),
        unit: line.pricing_unit.base_unit.clone(),
        pricing_quantity: line.pricing_quantity().to_string(),
        pricing_unit: line.pricing_unit.name.clone(),
        pricing_unit_size: line.pricing_unit.size.to_string(),
        unit_price: line.unit_price.to_string(),
        amount: line.amount.to_decimal_string(),
    }
}

fn namespace_cost(cost: &NamespaceCost) -> pb::NamespaceCost {
    pb::NamespaceCost {
        namespace: cost.namespace.clone(),
        meter: cost.meter.code().to_owned(),
        quantity: cost.quantity.to_string(),
        unit: cost.meter.base_unit().to_owned(),
        amount: cost.amount.to_decimal_string(),
    }
}

/// A rate card version.
pub(super) fn rate_card(card: &RateCard) -> pb::RateCard {
    pb::RateCard {
        id: card.reference.id.clone(),
        version: card.reference.version,
        currency: card.currency.to_string(),
        effective_from: card.effective_from.to_string(),
        effective_until: card.effective_until.map(|month| month.to_string()).unwrap_or_default(),
        plans: card.plans.values().map(|of| plan(card, of)).collect(),
        add_ons: card.add_ons.values().map(add_on).collect(),
    }
}

fn plan(card: &RateCard, plan: &Plan) -> pb::Plan {
    pb::Plan {
        id: plan.id.clone(),
        name: plan.name.clone(),
        minimum_fee: plan.fee.minimum.price.to_string(),
        fee_share_of_usage: plan.fee.factor.to_string(),
        prices: plan.prices.iter().map(|(meter, price)| meter_price(card, *meter, price)).collect(),
    }
}

fn meter_price(card: &RateCard, meter: Meter, price: &MeterPrice) -> pb::MeterPrice {
    let unit = card.units.pricing_unit(meter);
    let tiers = match &price.model {
        PriceModel::Unit(unit) => {
            vec![pb::PriceTier { up_to: String::new(), unit_price: unit.price.to_string() }]
        }
        PriceModel::Graduated(ladder) => ladder
            .tiers()
            .iter()
            .map(|tier| pb::PriceTier {
                up_to: tier.up_to.map(|bound| bound.to_string()).unwrap_or_default(),
                unit_price: tier.price.to_string(),
            })
            .collect(),
    };
    pb::MeterPrice {
        meter: meter.code().to_owned(),
        included: price.included.to_string(),
        unit: unit.base_unit,
        pricing_unit: unit.name,
        pricing_unit_size: unit.size.to_string(),
        tiers,
    }
}

fn add_on(add_on: &AddOn) -> pb::AddOn {
    pb::AddOn {
        id: add_on.id.clone(),
        name: add_on.name.clone(),
        price_per_month: add_on.price.price.to_string(),
    }
}
