use async_trait::async_trait;

use super::{Row, Session, Statement, values_of};
use crate::store::StoreError;
use crate::store::counters::{Counter, ReadCounters, WriteCounters};

#[async_trait]
impl<S: Session> ReadCounters for S {
    async fn counter(&mut self, counter: Counter) -> Result<u64, StoreError> {
        value(self.one(Statement::CounterGet, values_of![counter.name()]).await?)
    }
}

#[async_trait]
impl<S: Session> WriteCounters for S {
    async fn raise(&mut self, counter: Counter, at_least: u64) -> Result<u64, StoreError> {
        let at_least = i64::try_from(at_least).map_err(|error| StoreError::malformed("counter", error))?;
        value(self.one(Statement::CounterRaise, values_of![counter.name(), at_least]).await?)
    }
}

fn value(row: Option<impl Row>) -> Result<u64, StoreError> {
    let row = row.ok_or_else(|| StoreError::malformed("counter", "it is missing"))?;
    Ok(row.integer("value")?.cast_unsigned())
}
