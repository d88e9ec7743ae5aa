//! Values as PostgreSQL binds and answers them.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Decode, Postgres, Row as _, Type};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::sql::{Row, Value};

pub(super) type Bound<'q> = Query<'q, Postgres, PgArguments>;

pub(super) fn bind<'q>(mut query: Bound<'q>, values: &[Value<'_>]) -> Result<Bound<'q>, StoreError> {
    for value in values {
        value.check()?;
        query = match *value {
            Value::Text(text) => query.bind(text.to_owned()),
            Value::Integer(number) => query.bind(number),
            Value::MaybeInteger(number) => query.bind(number),
            Value::Flag(flag) => query.bind(flag),
            Value::Bytes(bytes) => query.bind(bytes.to_vec()),
            Value::MaybeBytes(bytes) => query.bind(bytes.map(<[u8]>::to_vec)),
            Value::Uuid(uuid) => query.bind(uuid),
        };
    }
    Ok(query)
}

fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| StoreError::malformed(column, error))
}

impl Row for PgRow {
    fn text(&self, column: &'static str) -> Result<String, StoreError> {
        get(self, column)
    }

    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        get(self, column)
    }

    fn integer(&self, column: &'static str) -> Result<i64, StoreError> {
        get(self, column)
    }

    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        get(self, column)
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        get(self, column)
    }

    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        get(self, column)
    }

    fn maybe_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        get(self, column)
    }

    fn uuid(&self, column: &'static str) -> Result<Uuid, StoreError> {
        get(self, column)
    }
}
