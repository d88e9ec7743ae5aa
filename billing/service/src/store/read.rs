//! From columns to exact values.

use std::fmt::Display;
use std::str::FromStr;

use billing_core::invoice::InvoiceContent;
use billing_core::line::{ChargeKind, InvoiceLine, Period, PricingUnit};
use billing_core::money::{Currency, Money};
use billing_core::rate_card::RateCardRef;
use billing_core::rating::NamespaceCost;
use billing_core::usage::Meter;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{InvoiceRecord, StoreError};

/// A text column, parsed.
pub(super) fn parsed<T>(row: &SqliteRow, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error| StoreError::malformed(column, error))
}

/// A text column that may be null, parsed.
fn parsed_option<T>(row: &SqliteRow, column: &'static str) -> Result<Option<T>, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|error| StoreError::malformed(column, error))).transpose()
}

fn instant(row: &SqliteRow, column: &'static str) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(row.try_get(column)?).map_err(|error| StoreError::malformed(column, error))
}

/// An invoice without its lines and namespace costs.
pub(super) fn header(row: &SqliteRow) -> Result<InvoiceRecord, StoreError> {
    let currency: Currency = parsed(row, "currency")?;
    let forced: Option<String> = row.try_get("forced_json")?;
    let finalized_at: Option<i64> = row.try_get("finalized_at_ms")?;
    let version: i64 = row.try_get("rate_card_version")?;
    let content = InvoiceContent {
        id: parsed(row, "invoice_id")?,
        number: row.try_get("number")?,
        account_id: row.try_get("account_id")?,
        account_name: row.try_get("account_name")?,
        month: parsed(row, "month")?,
        usage_until: instant(row, "usage_until_ms")?,
        plan_id: row.try_get("plan_id")?,
        rate_card: RateCardRef {
            id: row.try_get("rate_card_id")?,
            version: u32::try_from(version)
                .map_err(|error| StoreError::malformed("rate_card_version", error))?,
        },
        currency,
        lines: Vec::new(),
        namespace_costs: Vec::new(),
        total: Money::from_nanos(currency, parsed(row, "total_nanos")?),
        forced: forced
            .map(|json| {
                serde_json::from_str(&json).map_err(|error| StoreError::malformed("forced_json", error))
            })
            .transpose()?,
    };
    Ok(InvoiceRecord {
        content,
        status: parsed(row, "status")?,
        content_hash: row.try_get("content_hash")?,
        run_id: Some(row.try_get("run_id")?),
        finalized_at: finalized_at
            .map(|at| {
                Timestamp::from_millisecond(at)
                    .map_err(|error| StoreError::malformed("finalized_at_ms", error))
            })
            .transpose()?,
    })
}

pub(super) fn line(row: &SqliteRow, currency: Currency) -> Result<InvoiceLine, StoreError> {
    let kind: String = row.try_get("kind")?;
    Ok(InvoiceLine {
        kind: ChargeKind::from_code(&kind).ok_or_else(|| StoreError::malformed("kind", &kind))?,
        code: row.try_get("code")?,
        description: row.try_get("description")?,
        period: Period { start: instant(row, "period_start_ms")?, end: instant(row, "period_end_ms")? },
        corrects: parsed_option(row, "corrects_month")?,
        quantity: parsed(row, "quantity")?,
        pricing_unit: PricingUnit {
            base_unit: row.try_get("base_unit")?,
            name: row.try_get("pricing_unit")?,
            size: parsed(row, "pricing_unit_size")?,
        },
        unit_price: parsed(row, "unit_price")?,
        amount: Money::from_nanos(currency, parsed(row, "amount_nanos")?),
    })
}

pub(super) fn namespace_cost(row: &SqliteRow, currency: Currency) -> Result<NamespaceCost, StoreError> {
    let meter: String = row.try_get("meter")?;
    Ok(NamespaceCost {
        namespace: row.try_get("namespace")?,
        meter: Meter::ALL
            .into_iter()
            .find(|known| known.code() == meter)
            .ok_or_else(|| StoreError::malformed("meter", &meter))?,
        quantity: parsed(row, "quantity")?,
        amount: Money::from_nanos(currency, parsed(row, "amount_nanos")?),
    })
}
