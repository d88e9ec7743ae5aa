use async_trait::async_trait;

use super::{Row, Session, Statement, values_of};
use crate::model::{Pushed, Recovering};
use crate::store::StoreError;
use crate::store::recovering::{ReadRecovering, WriteRecovering};

#[async_trait]
impl<S: Session> ReadRecovering for S {
    async fn recovering(&mut self, subject: Pushed) -> Result<Option<Recovering>, StoreError> {
        let row = self.one(Statement::RecoveringGet, values_of![&subject.to_string()]).await?;
        row.as_ref().map(recovering).transpose()
    }

    async fn all_recovering(&mut self) -> Result<Vec<Recovering>, StoreError> {
        let rows = self.all(Statement::RecoveringList, &[]).await?;
        rows.iter().map(recovering).collect()
    }
}

#[async_trait]
impl<S: Session> WriteRecovering for S {
    async fn enter_recovering(&mut self, recovering: &Recovering, now_ms: i64) -> Result<(), StoreError> {
        let subject = recovering.subject.to_string();
        let held = recovering.held.cast_signed();
        let values = values_of![&subject, &recovering.cell_id, held, now_ms];
        self.run(Statement::RecoveringEnter, values).await.map(drop)
    }

    async fn leave_recovering(&mut self, cell_id: &str) -> Result<u64, StoreError> {
        self.run(Statement::RecoveringLeave, values_of![cell_id]).await
    }
}

fn recovering(row: &impl Row) -> Result<Recovering, StoreError> {
    let subject = row.text("subject")?;
    Ok(Recovering {
        subject: Pushed::parse(&subject)
            .ok_or_else(|| StoreError::malformed("recovering subject", subject))?,
        cell_id: row.text("cell_id")?,
        held: row.integer("held")?.cast_unsigned(),
    })
}
