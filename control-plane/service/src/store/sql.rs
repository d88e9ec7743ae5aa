//! What both engines have alike: which statements there are, what is bound to them, and how rows become values. An
//! engine has its own text of each statement, and runs it ([`Session`]).

mod accounts;
mod api_keys;
mod audit;
mod cells;
mod counters;
mod namespaces;
mod operations;
mod principals;
mod recovering;
mod regions;
mod statement;

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
pub(super) use statement::Statement;

/// A value that is bound to a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// Has no NUL: see [`Value::check`].
    Text(&'a str),
    Integer(i64),
    MaybeInteger(Option<i64>),
    Flag(bool),
    Bytes(&'a [u8]),
    MaybeBytes(Option<&'a [u8]>),
    Uuid(Uuid),
}

impl Value<'_> {
    /// Refuses a text that holds a NUL, which PostgreSQL cannot store. No name and no id has one: whoever lets a text
    /// in has checked it.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Text(text) if text.contains('\0') => {
                Err(StoreError::Refused("a text holds a NUL".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

macro_rules! values {
    ($($type:ty => $variant:ident;)*) => {
        $(impl<'a> From<$type> for Value<'a> {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

values! {
    &'a str => Text;
    i64 => Integer;
    Option<i64> => MaybeInteger;
    bool => Flag;
    &'a [u8] => Bytes;
    Option<&'a [u8]> => MaybeBytes;
    Uuid => Uuid;
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

/// Values in the order of a statement's parameters.
macro_rules! values_of {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::sql::Value::from($value)),*]
    };
}
use values_of;

/// A row of an answer, by the names of its columns.
pub(super) trait Row: Send + Sync {
    fn text(&self, column: &'static str) -> Result<String, StoreError>;
    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StoreError>;
    fn integer(&self, column: &'static str) -> Result<i64, StoreError>;
    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>, StoreError>;
    fn flag(&self, column: &'static str) -> Result<bool, StoreError>;
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError>;
    fn maybe_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError>;
    fn uuid(&self, column: &'static str) -> Result<Uuid, StoreError>;

    /// A number of 32 bits, which has no type of its own in SQL.
    fn small(&self, column: &'static str) -> Result<u32, StoreError> {
        u32::try_from(self.integer(column)?).map_err(|error| StoreError::malformed(column, error))
    }
}

/// A transaction of an engine, or a look at one moment.
#[async_trait]
pub(super) trait Session: Send {
    type Row: Row;

    /// Runs a statement and answers its rows.
    async fn all(&mut self, statement: Statement, values: &[Value<'_>])
    -> Result<Vec<Self::Row>, StoreError>;

    /// Runs a statement that counts something of an account.
    async fn count(&mut self, statement: Statement, account_id: &str) -> Result<u32, StoreError> {
        let row = self.one(statement, values_of![account_id]).await?;
        row.ok_or_else(|| StoreError::malformed("count", "it is missing"))?.small("count")
    }

    /// Runs a statement and answers how many rows it changed.
    async fn run(&mut self, statement: Statement, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// As [`all`](Self::all), of a statement whose answer has at most one row.
    async fn one(
        &mut self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Option<Self::Row>, StoreError> {
        Ok(self.all(statement, values).await?.into_iter().next())
    }
}
