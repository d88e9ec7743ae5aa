//! A draft is issued once, and booked with that.

use billing_core::invoice::{Invoice, InvoiceEvent, InvoiceId, InvoiceStatus};
use futures::FutureExt;
use jiff::Timestamp;

use super::issued::{self, IssuedMonth};
use super::{InvoiceRecord, load};
use crate::store::engine::{Reads, WriteTransaction};
use crate::store::{Store, StoreError, columns, journal};

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

/// Whether a draft may be issued.
enum Decision {
    /// It may.
    Issue(Box<InvoiceRecord>),
    /// There is an answer without it.
    Answer(FinalizeWrite),
}

impl Store {
    /// Issues the draft with this hash and books it, in one transaction. Again, it gives the issued invoice and
    /// books nothing. `corrected` is what the draft took the months that it corrects to have been charged.
    pub(crate) async fn finalize(
        &self,
        id: &InvoiceId,
        content_hash: &str,
        corrected: &[IssuedMonth],
        now: Timestamp,
    ) -> Result<FinalizeWrite, StoreError> {
        let write = self.write(id.account_id(), |transaction| {
            async move {
                match decide(transaction, id, content_hash, corrected).await? {
                    Decision::Answer(answer) => Ok(answer),
                    Decision::Issue(draft) => {
                        let issued = issue(transaction, *draft, now).await?;
                        Ok(FinalizeWrite::Issued(Box::new(issued)))
                    }
                }
            }
            .boxed()
        });
        write.await
    }
}

async fn decide(
    reads: &mut dyn Reads,
    id: &InvoiceId,
    content_hash: &str,
    corrected: &[IssuedMonth],
) -> Result<Decision, StoreError> {
    let Some(stored) = load(reads, id).await? else { return Ok(Decision::Answer(FinalizeWrite::OtherDraft)) };
    if stored.status != InvoiceStatus::Draft {
        journal::check_booked(reads, &stored.content).await?;
        return Ok(Decision::Answer(FinalizeWrite::Issued(Box::new(stored))));
    }
    if stored.content_hash != content_hash || stored.content.hash().to_string() != content_hash {
        return Ok(Decision::Answer(FinalizeWrite::OtherDraft));
    }
    for month in corrected {
        let current = issued::months(reads, id.account_id(), month.month, month.month.next()).await?;
        if current.as_slice() != std::slice::from_ref(month) {
            return Ok(Decision::Answer(FinalizeWrite::StaleCorrections));
        }
    }
    Ok(Decision::Issue(Box::new(stored)))
}

/// Makes the draft the invoice, and books it. Answers the invoice as it will be read back.
async fn issue(
    transaction: &mut dyn WriteTransaction,
    draft: InvoiceRecord,
    now: Timestamp,
) -> Result<InvoiceRecord, StoreError> {
    let invoice = Invoice::draft(draft.content)
        .and_then(|invoice| invoice.after(InvoiceEvent::Finalize))
        .map_err(|error| StoreError::malformed("invoice", error))?;
    let (content, status) = (invoice.content().clone(), invoice.status());
    let entry = journal::finalization(&content)?;
    if !transaction.finalize_draft(&content.id, now).await? {
        return Err(StoreError::malformed("invoice", format!("the draft of {} is gone", content.id)));
    }
    transaction.insert_entry(&content.id, &entry, now).await?;
    Ok(InvoiceRecord { content, status, finalized_at: Some(columns::as_stored(now)?), ..draft })
}
