//! Invoices: drafts are replaced, finalization happens once and books in the same transaction.

use billing_core::invoice::{Invoice, InvoiceContent, InvoiceEvent, InvoiceId, InvoiceStatus};
use billing_core::ledger::finalization_entry;
use billing_core::line::InvoiceLine;
use billing_core::month::Month;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{Store, StoreError, journal, milliseconds, read, statements};

/// An invoice as stored, or as previewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRecord {
    /// What it says. Listings leave lines and namespace costs out.
    pub content: InvoiceContent,
    /// Its state.
    pub status: InvoiceStatus,
    /// Hash of the content, in hexadecimal.
    pub content_hash: String,
    /// The rating run that it was computed from; none for a preview.
    pub run_id: Option<String>,
    /// When it was issued.
    pub finalized_at: Option<Timestamp>,
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DraftWrite {
    /// It is the month's draft now.
    Written,
    /// The month has an issued invoice already; nothing changed.
    AlreadyIssued(Box<InvoiceRecord>),
}

/// What became of a finalization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FinalizeWrite {
    /// The invoice is issued, now or before.
    Issued(Box<InvoiceRecord>),
    /// The draft is another one than was meant, or gone; nothing changed.
    OtherDraft,
    /// A month that this invoice corrects was corrected elsewhere meanwhile; nothing changed.
    StaleCorrections,
}

/// An issued month as corrections see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuedMonth {
    /// The month.
    pub month: Month,
    /// The run that its invoice was computed from.
    pub run_id: String,
    /// Every line charged for the month so far: its own and corrections on later invoices.
    pub lines: Vec<InvoiceLine>,
}

impl Store {
    /// The invoice with its lines, if there is one.
    pub(crate) async fn invoice(&self, id: &InvoiceId) -> Result<Option<InvoiceRecord>, StoreError> {
        let mut snapshot = self.database.snapshot().await?;
        load(&mut snapshot, id).await
    }

    /// An account's invoices of months before `before`, newest first, without lines.
    pub(crate) async fn invoices(
        &self,
        account_id: &str,
        before: Option<Month>,
        limit: u16,
    ) -> Result<Vec<InvoiceRecord>, StoreError> {
        // Text compares as months do; `~` sorts after every digit.
        let before = before.map_or_else(|| "~".to_owned(), |month| month.to_string());
        let mut connection = self.database.read().await?;
        let rows = sqlx::query(statements::LIST_INVOICES)
            .bind(account_id)
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(read::header).collect()
    }

    /// The account's issued months in `[from, before)`, with every line charged for each so far.
    pub(crate) async fn issued_months(
        &self,
        account_id: &str,
        from: Month,
        before: Month,
    ) -> Result<Vec<IssuedMonth>, StoreError> {
        let mut snapshot = self.database.snapshot().await?;
        issued_months(&mut snapshot, account_id, from, before).await
    }

    /// Makes `content` the month's draft, replacing an earlier one. Repeating it changes nothing.
    pub(crate) async fn write_draft(
        &self,
        content: &InvoiceContent,
        run_id: &str,
        now: Timestamp,
    ) -> Result<DraftWrite, StoreError> {
        let mut transaction = self.database.write().await?;
        if let Some(stored) = load(&mut transaction, &content.id).await?
            && stored.status != InvoiceStatus::Draft
        {
            return Ok(DraftWrite::AlreadyIssued(Box::new(stored)));
        }
        upsert_draft(&mut transaction, content, run_id, now).await?;
        replace_lines(&mut transaction, content).await?;
        transaction.commit().await?;
        Ok(DraftWrite::Written)
    }

    /// Issues the draft with this hash and books it, in one transaction. Again, it gives the issued invoice and
    /// books nothing. `corrected` is what the draft took the months that it corrects to have been charged.
    pub(crate) async fn finalize(
        &self,
        id: &InvoiceId,
        content_hash: &str,
        corrected: &[IssuedMonth],
        now: Timestamp,
    ) -> Result<FinalizeWrite, StoreError> {
        let mut transaction = self.database.write().await?;
        let Some(stored) = load(&mut transaction, id).await? else { return Ok(FinalizeWrite::OtherDraft) };
        if stored.status != InvoiceStatus::Draft {
            return Ok(FinalizeWrite::Issued(Box::new(stored)));
        }
        if stored.content_hash != content_hash || stored.content.hash().to_string() != content_hash {
            return Ok(FinalizeWrite::OtherDraft);
        }
        for month in corrected {
            let current =
                issued_months(&mut transaction, id.account_id(), month.month, month.month.next()).await?;
            if current.as_slice() != std::slice::from_ref(month) {
                return Ok(FinalizeWrite::StaleCorrections);
            }
        }
        let invoice = Invoice::draft(stored.content)
            .and_then(|draft| draft.after(InvoiceEvent::Finalize))
            .map_err(|error| StoreError::malformed("invoice", error))?;
        let entry =
            finalization_entry(invoice.content()).map_err(|error| StoreError::malformed("invoice", error))?;
        sqlx::query(statements::FINALIZE_INVOICE)
            .bind(id.to_string())
            .bind(milliseconds(now))
            .execute(&mut *transaction)
            .await?;
        journal::insert_entry(&mut transaction, &entry, &id.to_string(), now).await?;
        let issued = load(&mut transaction, id).await?.ok_or(sqlx::Error::RowNotFound)?;
        transaction.commit().await?;
        Ok(FinalizeWrite::Issued(Box::new(issued)))
    }
}

async fn load(
    connection: &mut SqliteConnection,
    id: &InvoiceId,
) -> Result<Option<InvoiceRecord>, StoreError> {
    let id = id.to_string();
    let row = sqlx::query(statements::SELECT_INVOICE).bind(&id).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(None) };
    let mut record = read::header(&row)?;
    let currency = record.content.currency;
    let lines = sqlx::query(statements::SELECT_LINES).bind(&id).fetch_all(&mut *connection).await?;
    record.content.lines = lines.iter().map(|row| read::line(row, currency)).collect::<Result<_, _>>()?;
    let costs = sqlx::query(statements::SELECT_NAMESPACE_COSTS).bind(&id).fetch_all(connection).await?;
    record.content.namespace_costs =
        costs.iter().map(|row| read::namespace_cost(row, currency)).collect::<Result<_, _>>()?;
    Ok(Some(record))
}

async fn issued_months(
    connection: &mut SqliteConnection,
    account_id: &str,
    from: Month,
    before: Month,
) -> Result<Vec<IssuedMonth>, StoreError> {
    let rows = sqlx::query(statements::SELECT_ISSUED_INVOICES)
        .bind(account_id)
        .bind(from.to_string())
        .bind(before.to_string())
        .fetch_all(&mut *connection)
        .await?;
    let mut months = Vec::with_capacity(rows.len());
    for row in &rows {
        let header = read::header(row)?;
        let (month, currency) = (header.content.month, header.content.currency);
        let own = sqlx::query(statements::SELECT_LINES)
            .bind(header.content.id.to_string())
            .fetch_all(&mut *connection)
            .await?;
        let later = sqlx::query(statements::SELECT_CORRECTION_LINES)
            .bind(account_id)
            .bind(month.to_string())
            .fetch_all(&mut *connection)
            .await?;
        let mut lines = Vec::with_capacity(own.len() + later.len());
        for row in own.iter().chain(&later) {
            let line = read::line(row, currency)?;
            // The invoice's own corrections of months before it belong to those.
            if line.corrects.is_none_or(|corrected| corrected == month) {
                lines.push(line);
            }
        }
        months.push(IssuedMonth { month, run_id: header.run_id.unwrap_or_default(), lines });
    }
    Ok(months)
}

async fn upsert_draft(
    connection: &mut SqliteConnection,
    content: &InvoiceContent,
    run_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let forced = content
        .forced
        .as_ref()
        .map(|forced| {
            serde_json::to_string(forced).map_err(|error| StoreError::malformed("forced_json", error))
        })
        .transpose()?;
    sqlx::query(statements::UPSERT_DRAFT)
        .bind(content.id.to_string())
        .bind(&content.number)
        .bind(&content.account_id)
        .bind(&content.account_name)
        .bind(content.month.to_string())
        .bind(milliseconds(content.usage_until))
        .bind(&content.plan_id)
        .bind(&content.rate_card.id)
        .bind(i64::from(content.rate_card.version))
        .bind(content.currency.code())
        .bind(content.total.nanos.to_string())
        .bind(forced)
        .bind(content.hash().to_string())
        .bind(run_id)
        .bind(milliseconds(now))
        .execute(connection)
        .await?;
    Ok(())
}

async fn replace_lines(
    connection: &mut SqliteConnection,
    content: &InvoiceContent,
) -> Result<(), StoreError> {
    let id = content.id.to_string();
    for statement in [statements::DELETE_LINES, statements::DELETE_NAMESPACE_COSTS] {
        sqlx::query(statement).bind(&id).execute(&mut *connection).await?;
    }
    for (position, line) in (0_i64..).zip(&content.lines) {
        sqlx::query(statements::INSERT_LINE)
            .bind(&id)
            .bind(position)
            .bind(line.kind.code())
            .bind(&line.code)
            .bind(&line.description)
            .bind(milliseconds(line.period.start))
            .bind(milliseconds(line.period.end))
            .bind(line.corrects.map(|month| month.to_string()))
            .bind(line.quantity.to_string())
            .bind(&line.pricing_unit.base_unit)
            .bind(&line.pricing_unit.name)
            .bind(line.pricing_unit.size.to_string())
            .bind(line.unit_price.to_string())
            .bind(line.amount.nanos.to_string())
            .execute(&mut *connection)
            .await?;
    }
    for (position, cost) in (0_i64..).zip(&content.namespace_costs) {
        sqlx::query(statements::INSERT_NAMESPACE_COST)
            .bind(&id)
            .bind(position)
            .bind(&cost.namespace)
            .bind(cost.meter.code())
            .bind(cost.quantity.to_string())
            .bind(cost.amount.nanos.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::test_support::World;

    #[tokio::test]
    async fn the_database_itself_refuses_to_change_what_is_issued() {
        let world = World::new().await;
        world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
        world.close("2026-01").await.unwrap();
        let store = world.billing.activities().store;
        let mut connection = store.database.write().await.unwrap();
        for (sql, message) in [
            ("UPDATE invoices SET total_nanos = '0'", "finalized invoices never change"),
            ("UPDATE invoices SET status = 'draft'", "finalized invoices never change"),
            ("DELETE FROM invoice_lines", "finalized invoices never change"),
            ("UPDATE invoice_lines SET amount_nanos = '0'", "invoice lines are replaced, never changed"),
            ("UPDATE rating_runs SET run_json = ''", "rating runs never change"),
            ("DELETE FROM postings", "the journal is append-only"),
            ("UPDATE journal_entries SET account_id = 'x'", "the journal is append-only"),
        ] {
            let error = sqlx::raw_sql(sql).execute(&mut *connection).await.unwrap_err().to_string();
            assert!(error.contains(message), "{sql}: {error}");
        }
        sqlx::raw_sql("UPDATE invoices SET status = 'paid'").execute(&mut *connection).await.unwrap();
    }
}
