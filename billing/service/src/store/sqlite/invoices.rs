//! Invoices.

use async_trait::async_trait;
use billing_core::invoice::InvoiceId;
use billing_core::line::InvoiceLine;
use billing_core::money::Currency;
use billing_core::month::Month;
use billing_core::rating::NamespaceCost;
use jiff::Timestamp;

use super::error::failed;
use super::{SqliteTransaction, statements};
use crate::store::columns::{self, CostColumns, DraftColumns, LineColumns, before_text, milliseconds};
use crate::store::engine::{CorrectionLine, Page, ReadInvoices, WriteInvoices};
use crate::store::{InvoiceRecord, StoreError};

#[async_trait]
impl ReadInvoices for SqliteTransaction {
    async fn header(&mut self, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError> {
        let select = sqlx::query(statements::SELECT_INVOICE).bind(id.to_string());
        let row = select.fetch_optional(&mut *self.0).await.map_err(failed)?;
        row.as_ref().map(columns::header).transpose()
    }

    async fn headers(
        &mut self,
        account_id: &str,
        before: Option<Month>,
        limit: u16,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        let select = sqlx::query(statements::LIST_INVOICES)
            .bind(account_id)
            .bind(before_text(before))
            .bind(i64::from(limit));
        let rows = select.fetch_all(&mut *self.0).await.map_err(failed)?;
        rows.iter().map(columns::header).collect()
    }

    async fn issued_headers(
        &mut self,
        account_id: &str,
        from: Month,
        before: Month,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        let select = sqlx::query(statements::SELECT_ISSUED_INVOICES)
            .bind(account_id)
            .bind(from.to_string())
            .bind(before.to_string());
        let rows = select.fetch_all(&mut *self.0).await.map_err(failed)?;
        rows.iter().map(columns::header).collect()
    }

    async fn lines(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<InvoiceLine>, StoreError> {
        let select =
            sqlx::query(statements::SELECT_LINES).bind(id.to_string()).bind(page.from).bind(page.limit);
        let rows = select.fetch_all(&mut *self.0).await.map_err(failed)?;
        rows.iter().map(|row| columns::line(row, currency)).collect()
    }

    async fn namespace_costs(
        &mut self,
        id: &InvoiceId,
        currency: Currency,
        page: Page,
    ) -> Result<Vec<NamespaceCost>, StoreError> {
        let select = sqlx::query(statements::SELECT_NAMESPACE_COSTS)
            .bind(id.to_string())
            .bind(page.from)
            .bind(page.limit);
        let rows = select.fetch_all(&mut *self.0).await.map_err(failed)?;
        rows.iter().map(|row| columns::namespace_cost(row, currency)).collect()
    }

    async fn correction_lines(
        &mut self,
        account_id: &str,
        corrected: Month,
        currency: Currency,
        (month, position): (Month, i64),
        limit: i64,
    ) -> Result<Vec<CorrectionLine>, StoreError> {
        let select = sqlx::query(statements::SELECT_CORRECTION_LINES)
            .bind(account_id)
            .bind(corrected.to_string())
            .bind(month.to_string())
            .bind(position)
            .bind(limit);
        let rows = select.fetch_all(&mut *self.0).await.map_err(failed)?;
        rows.iter().map(|row| columns::correction_line(row, currency)).collect()
    }
}

#[async_trait]
impl WriteInvoices for SqliteTransaction {
    async fn put_draft(&mut self, draft: &DraftColumns<'_>) -> Result<(), StoreError> {
        let upsert = sqlx::query(statements::UPSERT_DRAFT)
            .bind(&draft.invoice_id)
            .bind(draft.number)
            .bind(draft.account_id)
            .bind(draft.account_name)
            .bind(&draft.month)
            .bind(draft.usage_until_ms)
            .bind(draft.plan_id)
            .bind(draft.rate_card_id)
            .bind(draft.rate_card_version)
            .bind(draft.currency)
            .bind(&draft.total_nanos)
            .bind(&draft.forced_json)
            .bind(&draft.content_hash)
            .bind(draft.run_id)
            .bind(draft.created_at_ms);
        upsert.execute(&mut *self.0).await.map(drop).map_err(failed)
    }

    async fn clear_draft(&mut self, id: &InvoiceId) -> Result<(), StoreError> {
        for delete in [statements::DELETE_LINES, statements::DELETE_NAMESPACE_COSTS] {
            sqlx::query(delete).bind(id.to_string()).execute(&mut *self.0).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn insert_lines(
        &mut self,
        id: &InvoiceId,
        first: i64,
        lines: &[InvoiceLine],
    ) -> Result<(), StoreError> {
        let id = id.to_string();
        for line in LineColumns::of(first, lines) {
            let insert = sqlx::query(statements::INSERT_LINE)
                .bind(&id)
                .bind(line.position)
                .bind(line.kind)
                .bind(line.code)
                .bind(line.description)
                .bind(line.period_start_ms)
                .bind(line.period_end_ms)
                .bind(line.corrects_month)
                .bind(line.quantity)
                .bind(line.base_unit)
                .bind(line.pricing_unit)
                .bind(line.pricing_unit_size)
                .bind(line.unit_price)
                .bind(line.amount_nanos);
            insert.execute(&mut *self.0).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn insert_namespace_costs(
        &mut self,
        id: &InvoiceId,
        first: i64,
        costs: &[NamespaceCost],
    ) -> Result<(), StoreError> {
        let id = id.to_string();
        for cost in CostColumns::of(first, costs) {
            let insert = sqlx::query(statements::INSERT_NAMESPACE_COST)
                .bind(&id)
                .bind(cost.position)
                .bind(cost.namespace)
                .bind(cost.meter)
                .bind(cost.quantity)
                .bind(cost.amount_nanos);
            insert.execute(&mut *self.0).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn finalize_draft(&mut self, id: &InvoiceId, now: Timestamp) -> Result<bool, StoreError> {
        let update = sqlx::query(statements::FINALIZE_INVOICE).bind(id.to_string()).bind(milliseconds(now));
        Ok(update.execute(&mut *self.0).await.map_err(failed)?.rows_affected() > 0)
    }
}
