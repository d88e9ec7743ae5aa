//! Invoices. Lines and namespace costs go a page a statement, a column an array.

use async_trait::async_trait;
use billing_core::invoice::InvoiceId;
use billing_core::line::InvoiceLine;
use billing_core::money::Currency;
use billing_core::month::Month;
use billing_core::rating::NamespaceCost;
use jiff::Timestamp;

use super::{PostgresTransaction, statements};
use crate::store::columns::{self, CostColumns, DraftColumns, LineColumns, before_text, milliseconds};
use crate::store::engine::{CorrectionLine, Page, ReadInvoices, WriteInvoices};
use crate::store::{InvoiceRecord, StoreError};

#[async_trait]
impl ReadInvoices for PostgresTransaction<'_> {
    async fn header(&mut self, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError> {
        let rows = self.all(self.query(statements::SELECT_INVOICE).bind(id.to_string())).await?;
        rows.first().map(columns::header).transpose()
    }

    async fn headers(
        &mut self,
        account_id: &str,
        before: Option<Month>,
        limit: u16,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        let select = self
            .query(statements::LIST_INVOICES)
            .bind(account_id)
            .bind(before_text(before))
            .bind(i64::from(limit));
        self.all(select).await?.iter().map(columns::header).collect()
    }

    async fn issued_headers(
        &mut self,
        account_id: &str,
        from: Month,
        before: Month,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        let select = self
            .query(statements::SELECT_ISSUED_INVOICES)
            .bind(account_id)
            .bind(from.to_string())
            .bind(before.to_string());
        self.all(select).await?.iter().map(columns::header).collect()
    }

    async fn lines(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<InvoiceLine>, StoreError> {
        let select =
            self.query(statements::SELECT_LINES).bind(id.to_string()).bind(page.from).bind(page.limit);
        self.all(select).await?.iter().map(|row| columns::line(row, currency)).collect()
    }

    async fn namespace_costs(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<NamespaceCost>, StoreError> {
        let select = self
            .query(statements::SELECT_NAMESPACE_COSTS)
            .bind(id.to_string())
            .bind(page.from)
            .bind(page.limit);
        self.all(select).await?.iter().map(|row| columns::namespace_cost(row, currency)).collect()
    }

    async fn correction_lines(
        &mut self,
        account_id: &str,
        corrected: Month,
        currency: Currency,
        (month, position): (Month, i64),
        limit: i64,
    ) -> Result<Vec<CorrectionLine>, StoreError> {
        let select = self
            .query(statements::SELECT_CORRECTION_LINES)
            .bind(account_id)
            .bind(corrected.to_string())
            .bind(month.to_string())
            .bind(position)
            .bind(limit);
        self.all(select).await?.iter().map(|row| columns::correction_line(row, currency)).collect()
    }
}

#[async_trait]
impl WriteInvoices for PostgresTransaction<'_> {
    async fn put_draft(&mut self, draft: &DraftColumns<'_>) -> Result<(), StoreError> {
        let upsert = self
            .query(statements::UPSERT_DRAFT)
            .bind(&draft.invoice_id)
            .bind(draft.number)
            .bind(draft.account_id)
            .bind(draft.account_name.as_bytes())
            .bind(&draft.month)
            .bind(draft.usage_until_ms)
            .bind(draft.plan_id.as_bytes())
            .bind(draft.rate_card_id.as_bytes())
            .bind(draft.rate_card_version)
            .bind(draft.currency)
            .bind(&draft.total_nanos)
            .bind(&draft.forced_json)
            .bind(&draft.content_hash)
            .bind(draft.run_id)
            .bind(draft.created_at_ms);
        self.run(upsert).await.map(drop)
    }

    async fn clear_draft(&mut self, id: &InvoiceId) -> Result<(), StoreError> {
        for delete in [statements::DELETE_LINES, statements::DELETE_NAMESPACE_COSTS] {
            self.run(self.query(delete).bind(id.to_string())).await?;
        }
        Ok(())
    }

    async fn insert_lines(
        &mut self,
        id: &InvoiceId,
        first: i64,
        lines: &[InvoiceLine],
    ) -> Result<(), StoreError> {
        let mut rows = LineArrays::default();
        LineColumns::of(first, lines).for_each(|line| rows.push(line));
        let insert = self
            .query(statements::INSERT_LINES)
            .bind(id.to_string())
            .bind(rows.position)
            .bind(rows.kind)
            .bind(rows.code)
            .bind(rows.description)
            .bind(rows.period_start_ms)
            .bind(rows.period_end_ms)
            .bind(rows.corrects_month)
            .bind(rows.quantity)
            .bind(rows.base_unit)
            .bind(rows.pricing_unit)
            .bind(rows.pricing_unit_size)
            .bind(rows.unit_price)
            .bind(rows.amount_nanos);
        self.run(insert).await.map(drop)
    }

    async fn insert_namespace_costs(
        &mut self,
        id: &InvoiceId,
        first: i64,
        costs: &[NamespaceCost],
    ) -> Result<(), StoreError> {
        let mut rows = CostArrays::default();
        CostColumns::of(first, costs).for_each(|cost| rows.push(cost));
        let insert = self
            .query(statements::INSERT_NAMESPACE_COSTS)
            .bind(id.to_string())
            .bind(rows.position)
            .bind(rows.namespace)
            .bind(rows.meter)
            .bind(rows.quantity)
            .bind(rows.amount_nanos);
        self.run(insert).await.map(drop)
    }

    async fn finalize_draft(&mut self, id: &InvoiceId, now: Timestamp) -> Result<bool, StoreError> {
        let update = self.query(statements::FINALIZE_INVOICE).bind(id.to_string()).bind(milliseconds(now));
        Ok(self.run(update).await? > 0)
    }
}

/// Lines, a column each.
#[derive(Default)]
struct LineArrays<'a> {
    position: Vec<i64>,
    kind: Vec<&'static str>,
    code: Vec<&'a [u8]>,
    description: Vec<&'a [u8]>,
    period_start_ms: Vec<i64>,
    period_end_ms: Vec<i64>,
    corrects_month: Vec<Option<String>>,
    quantity: Vec<String>,
    base_unit: Vec<&'a [u8]>,
    pricing_unit: Vec<&'a [u8]>,
    pricing_unit_size: Vec<String>,
    unit_price: Vec<String>,
    amount_nanos: Vec<String>,
}

impl<'a> LineArrays<'a> {
    fn push(&mut self, line: LineColumns<'a>) {
        self.position.push(line.position);
        self.kind.push(line.kind);
        self.code.push(line.code.as_bytes());
        self.description.push(line.description.as_bytes());
        self.period_start_ms.push(line.period_start_ms);
        self.period_end_ms.push(line.period_end_ms);
        self.corrects_month.push(line.corrects_month);
        self.quantity.push(line.quantity);
        self.base_unit.push(line.base_unit.as_bytes());
        self.pricing_unit.push(line.pricing_unit.as_bytes());
        self.pricing_unit_size.push(line.pricing_unit_size);
        self.unit_price.push(line.unit_price);
        self.amount_nanos.push(line.amount_nanos);
    }
}

/// Namespace costs, a column each.
#[derive(Default)]
struct CostArrays<'a> {
    position: Vec<i64>,
    namespace: Vec<&'a [u8]>,
    meter: Vec<&'static str>,
    quantity: Vec<String>,
    amount_nanos: Vec<String>,
}

impl<'a> CostArrays<'a> {
    fn push(&mut self, cost: CostColumns<'a>) {
        self.position.push(cost.position);
        self.namespace.push(cost.namespace.as_bytes());
        self.meter.push(cost.meter);
        self.quantity.push(cost.quantity);
        self.amount_nanos.push(cost.amount_nanos);
    }
}
