//! What only a server can show.

mod cost;
mod faults;
mod holding;
mod opening;
mod standby;

use atoll_postgres::PostgresOptions;

use crate::Database;
use crate::store::{Store, limits};

async fn open(options: PostgresOptions) -> Store {
    Store::open(&Database::Postgres(Box::new(options))).await.unwrap()
}

fn options(url: String) -> PostgresOptions {
    match Database::parse(&url.into()).map(|database| database.with_limits(limits())) {
        Ok(Database::Postgres(options)) => *options,
        other => panic!("{other:?}"),
    }
}
