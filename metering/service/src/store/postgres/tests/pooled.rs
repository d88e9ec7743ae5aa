//! A pooler between, which hands each transaction to another session of the server.

use atoll_test_postgres::{Pooler, Server};

use crate::store::conformance::{PostgresPlace, pages, takers};

#[tokio::test]
async fn takers_that_share_few_sessions_do_not_meet() {
    let pooler = Pooler::before(Server::shared());
    let place = PostgresPlace::behind(&pooler).await;
    takers::many_takers_of_all_objects_take_each_once(&place).await;
}

#[tokio::test]
async fn a_page_behind_a_pooler_is_of_one_moment() {
    let pooler = Pooler::before(Server::shared());
    let place = PostgresPlace::behind(&pooler).await;
    pages::a_page_is_of_one_moment_while_objects_are_taken_in(&place).await;
}
