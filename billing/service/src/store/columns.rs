//! Between values and columns, for both engines.
//!
//! Amounts and quantities reach 128 bits, beyond any integer of SQL, and are exact: they go as decimal text. SQLite
//! keeps the text; PostgreSQL keeps `numeric`, which holds the same digits and can be summed, and gives text back.
//! Names that others choose may hold a NUL, which PostgreSQL's text does not: there they are bytes.

use std::fmt::Display;
use std::str::FromStr;

use billing_core::invoice::InvoiceContent;
use billing_core::ledger::JournalEntry;
use billing_core::line::{ChargeKind, InvoiceLine, Period, PricingUnit};
use billing_core::money::{Currency, Money};
use billing_core::month::Month;
use billing_core::rate_card::RateCardRef;
use billing_core::rating::NamespaceCost;
use billing_core::usage::Meter;
use jiff::Timestamp;

use super::engine::CorrectionLine;
use super::journal::{BookedEntry, BookedPosting};
use super::{InvoiceRecord, StoreError};
use crate::month::RatingRun;

/// A row of either engine.
pub(super) trait Columns {
    /// A text; none where the column is null.
    fn text_or_null(&self, column: &'static str) -> Result<Option<String>, StoreError>;

    /// An integer; none where the column is null.
    fn integer_or_null(&self, column: &'static str) -> Result<Option<i64>, StoreError>;

    /// A name that others choose.
    fn name(&self, column: &'static str) -> Result<String, StoreError>;
}

/// Milliseconds since the epoch, as columns hold them. Billing's instants are whole hours or bookkeeping times.
pub(super) fn milliseconds(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

/// An instant as it will be read back.
pub(super) fn as_stored(instant: Timestamp) -> Result<Timestamp, StoreError> {
    from_milliseconds(milliseconds(instant), "instant")
}

/// A rating run's row.
pub(super) struct RunColumns<'a> {
    pub(super) run_id: &'a str,
    pub(super) account_id: &'a str,
    pub(super) month: String,
    pub(super) usage_until_ms: i64,
    pub(super) run_json: &'a str,
    pub(super) created_at_ms: i64,
}

impl<'a> RunColumns<'a> {
    /// The row of a run whose serialized form is `json`.
    pub(super) fn of(
        run: &'a RatingRun,
        run_id: &'a str,
        json: &'a str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            run_id,
            account_id: &run.terms.account_id,
            month: run.month.to_string(),
            usage_until_ms: milliseconds(run.usage_until),
            run_json: json,
            created_at_ms: milliseconds(now),
        })
    }
}

/// A draft's row.
pub(super) struct DraftColumns<'a> {
    pub(super) invoice_id: String,
    pub(super) number: &'a str,
    pub(super) account_id: &'a str,
    pub(super) account_name: &'a str,
    pub(super) month: String,
    pub(super) usage_until_ms: i64,
    pub(super) plan_id: &'a str,
    pub(super) rate_card_id: &'a str,
    pub(super) rate_card_version: i64,
    pub(super) currency: &'a str,
    pub(super) total_nanos: String,
    pub(super) forced_json: Option<String>,
    pub(super) content_hash: String,
    pub(super) run_id: &'a str,
    pub(super) created_at_ms: i64,
}

impl<'a> DraftColumns<'a> {
    /// The row of a draft that was computed from a run.
    pub(super) fn of(
        content: &'a InvoiceContent,
        run_id: &'a str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let forced = content.forced.as_ref().map(serde_json::to_string).transpose();
        Ok(Self {
            invoice_id: content.id.to_string(),
            number: &content.number,
            account_id: &content.account_id,
            account_name: &content.account_name,
            month: content.month.to_string(),
            usage_until_ms: milliseconds(content.usage_until),
            plan_id: &content.plan_id,
            rate_card_id: &content.rate_card.id,
            rate_card_version: content.rate_card.version.into(),
            currency: content.currency.code(),
            total_nanos: content.total.nanos.to_string(),
            forced_json: forced.map_err(|error| StoreError::malformed("forced_json", error))?,
            content_hash: content.hash().to_string(),
            run_id,
            created_at_ms: milliseconds(now),
        })
    }
}

/// A line's row.
pub(super) struct LineColumns<'a> {
    pub(super) position: i64,
    pub(super) kind: &'static str,
    pub(super) code: &'a str,
    pub(super) description: &'a str,
    pub(super) period_start_ms: i64,
    pub(super) period_end_ms: i64,
    pub(super) corrects_month: Option<String>,
    pub(super) quantity: String,
    pub(super) base_unit: &'a str,
    pub(super) pricing_unit: &'a str,
    pub(super) pricing_unit_size: String,
    pub(super) unit_price: String,
    pub(super) amount_nanos: String,
}

impl<'a> LineColumns<'a> {
    /// The rows of lines at positions from `first` on.
    pub(super) fn of(first: i64, lines: &'a [InvoiceLine]) -> impl Iterator<Item = Self> {
        (first..).zip(lines).map(|(position, line)| Self {
            position,
            kind: line.kind.code(),
            code: &line.code,
            description: &line.description,
            period_start_ms: milliseconds(line.period.start),
            period_end_ms: milliseconds(line.period.end),
            corrects_month: line.corrects.map(|month| month.to_string()),
            quantity: line.quantity.to_string(),
            base_unit: &line.pricing_unit.base_unit,
            pricing_unit: &line.pricing_unit.name,
            pricing_unit_size: line.pricing_unit.size.to_string(),
            unit_price: line.unit_price.to_string(),
            amount_nanos: line.amount.nanos.to_string(),
        })
    }
}

/// A namespace cost's row.
pub(super) struct CostColumns<'a> {
    pub(super) position: i64,
    pub(super) namespace: &'a str,
    pub(super) meter: &'static str,
    pub(super) quantity: String,
    pub(super) amount_nanos: String,
}

impl<'a> CostColumns<'a> {
    /// The rows of costs at positions from `first` on.
    pub(super) fn of(first: i64, costs: &'a [NamespaceCost]) -> impl Iterator<Item = Self> {
        (first..).zip(costs).map(|(position, cost)| Self {
            position,
            namespace: &cost.namespace,
            meter: cost.meter.code(),
            quantity: cost.quantity.to_string(),
            amount_nanos: cost.amount.nanos.to_string(),
        })
    }
}

/// A posting's row.
pub(super) struct PostingColumns<'a> {
    pub(super) position: i64,
    pub(super) ledger_account: String,
    pub(super) currency: &'a str,
    pub(super) amount_nanos: String,
}

impl<'a> PostingColumns<'a> {
    /// The rows of an entry's postings.
    pub(super) fn of(entry: &'a JournalEntry) -> impl Iterator<Item = Self> {
        (0..).zip(entry.postings()).map(|(position, posting)| Self {
            position,
            ledger_account: posting.account.to_string(),
            currency: posting.amount.currency.code(),
            amount_nanos: posting.amount.nanos.to_string(),
        })
    }
}

/// How many postings an entry has, as its row says.
pub(super) fn posting_count(entry: &JournalEntry) -> i64 {
    i64::try_from(entry.postings().len()).unwrap_or(i64::MAX)
}

/// An invoice without its lines and namespace costs.
pub(super) fn header(row: &impl Columns) -> Result<InvoiceRecord, StoreError> {
    let currency: Currency = parsed(row, "currency")?;
    let forced = row.text_or_null("forced_json")?;
    let finalized_at = row.integer_or_null("finalized_at_ms")?;
    let content = InvoiceContent {
        id: parsed(row, "invoice_id")?,
        number: text(row, "number")?,
        account_id: text(row, "account_id")?,
        account_name: row.name("account_name")?,
        month: parsed(row, "month")?,
        usage_until: instant(row, "usage_until_ms")?,
        plan_id: row.name("plan_id")?,
        rate_card: RateCardRef {
            id: row.name("rate_card_id")?,
            version: u32::try_from(integer(row, "rate_card_version")?)
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
        content_hash: text(row, "content_hash")?,
        run_id: Some(text(row, "run_id")?),
        finalized_at: finalized_at.map(|at| from_milliseconds(at, "finalized_at_ms")).transpose()?,
    })
}

/// A line whose amount is of `currency`.
pub(super) fn line(row: &impl Columns, currency: Currency) -> Result<InvoiceLine, StoreError> {
    let kind = text(row, "kind")?;
    Ok(InvoiceLine {
        kind: ChargeKind::from_code(&kind).ok_or_else(|| StoreError::malformed("kind", &kind))?,
        code: row.name("code")?,
        description: row.name("description")?,
        period: Period { start: instant(row, "period_start_ms")?, end: instant(row, "period_end_ms")? },
        corrects: row
            .text_or_null("corrects_month")?
            .map(|month| parse("corrects_month", &month))
            .transpose()?,
        quantity: parsed(row, "quantity")?,
        pricing_unit: PricingUnit {
            base_unit: row.name("base_unit")?,
            name: row.name("pricing_unit")?,
            size: parsed(row, "pricing_unit_size")?,
        },
        unit_price: parsed(row, "unit_price")?,
        amount: Money::from_nanos(currency, parsed(row, "amount_nanos")?),
    })
}

/// A line that corrects an earlier month, with where it stands.
pub(super) fn correction_line(row: &impl Columns, currency: Currency) -> Result<CorrectionLine, StoreError> {
    let month: Month = parsed(row, "invoice_month")?;
    Ok(CorrectionLine { place: (month, integer(row, "position")?), line: line(row, currency)? })
}

/// A namespace cost whose amount is of `currency`.
pub(super) fn namespace_cost(row: &impl Columns, currency: Currency) -> Result<NamespaceCost, StoreError> {
    let meter = text(row, "meter")?;
    Ok(NamespaceCost {
        namespace: row.name("namespace")?,
        meter: Meter::ALL
            .into_iter()
            .find(|known| known.code() == meter)
            .ok_or_else(|| StoreError::malformed("meter", &meter))?,
        quantity: parsed(row, "quantity")?,
        amount: Money::from_nanos(currency, parsed(row, "amount_nanos")?),
    })
}

/// Entries from rows of entries with a posting each, or none, in order.
pub(super) fn entries<R: Columns>(rows: &[R]) -> Result<Vec<BookedEntry>, StoreError> {
    let mut entries: Vec<BookedEntry> = Vec::new();
    for row in rows {
        let entry_id = text(row, "entry_id")?;
        if entries.last().is_none_or(|last| last.entry_id != entry_id) {
            entries.push(BookedEntry {
                entry_id,
                account_id: text(row, "account_id")?,
                booked_at: instant(row, "booked_at_ms")?,
                postings: Vec::new(),
            });
        }
        let Some(ledger_account) = row.text_or_null("ledger_account")? else { continue };
        let amount = Money::from_nanos(parsed(row, "currency")?, parsed(row, "amount_nanos")?);
        if let Some(entry) = entries.last_mut() {
            entry.postings.push(BookedPosting { ledger_account, amount });
        }
    }
    Ok(entries)
}

/// The last place before every line of later months' invoices.
pub(super) fn behind_own_invoice(month: Month) -> (Month, i64) {
    (month, i64::MAX)
}

/// What is before every month that `before` names; text compares as months do, and `~` sorts after every digit.
pub(super) fn before_text(before: Option<Month>) -> String {
    before.map_or_else(|| "~".to_owned(), |month| month.to_string())
}

fn missing(column: &'static str) -> StoreError {
    StoreError::malformed(column, "is null")
}

/// A text column.
pub(super) fn text(row: &impl Columns, column: &'static str) -> Result<String, StoreError> {
    row.text_or_null(column)?.ok_or_else(|| missing(column))
}

fn integer(row: &impl Columns, column: &'static str) -> Result<i64, StoreError> {
    row.integer_or_null(column)?.ok_or_else(|| missing(column))
}

fn parse<T>(column: &'static str, text: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| StoreError::malformed(column, error))
}

/// A text column, parsed.
fn parsed<T>(row: &impl Columns, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    parse(column, &text(row, column)?)
}

fn instant(row: &impl Columns, column: &'static str) -> Result<Timestamp, StoreError> {
    from_milliseconds(integer(row, column)?, column)
}

fn from_milliseconds(milliseconds: i64, column: &'static str) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::malformed(column, error))
}
