//! Connections that are lost, and calls that hang.

use super::*;
use atoll_postgres::Connections;
use atoll_test_postgres::{Cut, Settings, Stop, Wire};
use sqlx::Row;
use std::sync::Arc;
use std::time::Duration;

/// The process of the session that serves a call.
async fn served_by(connections: &Connections) -> Result<i32, Refusal> {
    connections
        .within(Duration::ZERO, async {
            let mut session = connections.session().await?;
            let rows = session.all(session.query("SELECT pg_backend_pid()")).await?;
            session.end().await?;
            Ok(rows[0].get(0))
        })
        .await
}

async fn sleeps(connections: &Connections, seconds: f64) -> Result<(), Refusal> {
    connections
        .within(Duration::ZERO, async {
            let mut session = connections.session().await?;
            session.all(session.query("SELECT pg_sleep($1)::text").bind(seconds)).await?;
            session.end().await
        })
        .await
}

#[tokio::test]
async fn one_is_kept_while_calls_succeed() {
    let (_, options) = database();
    let connections = Connections::new(options, 3);
    let first = served_by(&connections).await.expect("a session");
    assert_eq!(served_by(&connections).await.expect("a session"), first);
    connections.close().await;
    assert!(matches!(served_by(&connections).await, Err(Refusal::Closed)));
}

#[tokio::test]
async fn a_session_of_its_own_goes_to_another_task_and_back() {
    let (_, options) = database();
    let connections = Arc::new(Connections::new(options, 1));
    let first = served_by(&connections).await.expect("a session");
    let mut session = connections.session_of_its_own().await.expect("a session");
    session.begin().await.expect("begun");
    let ends = tokio::spawn(async move { session.undo().await });
    ends.await.expect("no panic").expect("undone");
    assert_eq!(served_by(&connections).await.expect("a session"), first);
    let kept = connections.session_of_its_own().await.expect("a session");
    connections.close().await;
    kept.end().await.expect("ended");
    assert!(matches!(connections.session_of_its_own().await, Err(Refusal::Closed)));
}

#[tokio::test]
async fn one_whose_caller_has_gone_is_not_used_again() {
    let (_, options) = database();
    let connections = Connections::new(options, 1);
    let first = served_by(&connections).await.expect("a session");
    let gone = tokio::time::timeout(Duration::from_millis(50), sleeps(&connections, 100.0));
    gone.await.expect_err("given up");
    // Nobody waits for what it was doing.
    assert_ne!(served_by(&connections).await.expect("a session"), first);
}

#[tokio::test]
async fn after_a_restart_of_the_server_the_second_call_finds_it() {
    let server = Server::start(&Settings::default());
    let connections = Connections::new(options(&server.url("postgres")), 3);
    // Three of them are kept.
    let (a, b, c) = tokio::join!(served_by(&connections), served_by(&connections), served_by(&connections));
    a.and(b).and(c).expect("sessions");
    server.stop(Stop::Crash);
    assert!(served_by(&connections).await.expect_err("it is down").is_lost_connection());
    let away = served_by(&connections).await.expect_err("it is down");
    assert!(away.is_lost_connection(), "{away}");
    server.resume();
    served_by(&connections).await.expect("it is back");
}

#[tokio::test]
async fn a_session_that_an_operator_ends_is_replaced() {
    let (_, options) = database();
    let connections = Connections::new(options, 3);
    let pid = served_by(&connections).await.expect("a session");
    Server::shared().sql("postgres", &format!("SELECT pg_terminate_backend({pid}, 5000)"));
    let ended = served_by(&connections).await.expect_err("ended");
    assert!(ended.is_lost_connection(), "{ended}");
    assert_ne!(served_by(&connections).await.expect("another"), pid);
}

#[tokio::test]
async fn where_one_is_lost_those_beside_it_are_not_used_again() {
    let (_, options) = database();
    let connections = Connections::new(options.clone(), 2);
    let beside = connections.beside(options, 2);
    let (lost, kept) = (served_by(&connections).await, served_by(&beside).await);
    let (lost, kept) = (lost.expect("a session"), kept.expect("a session"));
    let mut busy = beside.session().await.expect("the one that is kept");
    Server::shared().sql("postgres", &format!("SELECT pg_terminate_backend({lost}, 5000)"));
    served_by(&connections).await.expect_err("ended");
    // Also one that was busy meanwhile.
    busy.all(busy.query("SELECT 1")).await.expect("it lives");
    busy.end().await.expect("it lives");
    assert_ne!(served_by(&beside).await.expect("another"), kept);
}

#[tokio::test]
async fn commits_wait_for_what_they_waited_for_when_the_server_was_looked_at() {
    let server = Server::start(&Settings::default());
    for pooled in [false, true] {
        server.set("synchronous_commit", "remote_apply");
        let mut options = options(&server.url("postgres"));
        options.pooled = pooled;
        let connections = Connections::new(options, 1);
        let pid = served_by(&connections).await.expect("a session");
        server.set("synchronous_commit", "off");
        let mut session = connections.session().await.expect("the same");
        session.begin().await.expect("begun");
        let shown =
            session.all(session.query("SELECT current_setting('synchronous_commit'), pg_backend_pid()"));
        let shown = shown.await.expect("shown").remove(0);
        assert_eq!((shown.get::<String, _>(0), shown.get::<i32, _>(1)), ("remote_apply".to_owned(), pid));
    }
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    let (_, mut options) = database();
    for pooled in [false, true] {
        options.pooled = pooled;
        options.limits.statement = Duration::from_millis(100);
        let connections = Connections::new(options.clone(), 1);
        let refusal = sleeps(&connections, 100.0).await.expect_err("ended");
        assert_eq!(refusal.code().as_deref(), Some("57014"), "{refusal}");
        served_by(&connections).await.expect("another session");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let server = Server::shared();
    let wire = Wire::to(server.address()).await;
    let mut options = options(&server.url_at(wire.address(), "postgres"));
    options.limits.call = Duration::from_millis(300);
    let connections = Connections::new(options, 1);
    served_by(&connections).await.expect("a session");
    wire.cut(Cut::Silence(b"SELECT pg_sleep".to_vec()));
    assert!(matches!(sleeps(&connections, 0.0).await, Err(Refusal::Silent)));
    assert!(wire.is_cut());
    served_by(&connections).await.expect("another session");
}

#[tokio::test]
async fn behind_a_pooler_nothing_outlives_a_transaction() {
    let (name, mut options) = database();
    options.pooled = true;
    open(&options).await.expect("its tables");
    let connections = Connections::new(options, 1);
    let put = connections.within(Duration::ZERO, async {
        let mut session = connections.session().await?;
        session.run(session.query("INSERT INTO books VALUES ($1)").bind("Ada")).await?;
        let prepared =
            session.all(session.query("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"));
        let prepared: i64 = prepared.await?[0].get(0);
        let seen = Server::shared().sql(&name, "SELECT count(*) FROM books");
        session.end().await?;
        Ok::<_, Refusal>((prepared, seen))
    });
    assert_eq!(put.await.expect("a row"), (0, "0".to_owned()));
    assert_eq!(Server::shared().sql(&name, "SELECT count(*) FROM books"), "1");
}

#[tokio::test]
async fn what_was_given_up_is_ended_by_the_next_call() {
    let (name, mut options) = database();
    options.limits.statement = Duration::from_secs(1_000);
    options.limits.call = Duration::from_millis(300);
    let connections = Connections::new(options.clone(), 2);
    let beside = connections.beside(options, 1);
    for _ in 0..3 {
        assert!(matches!(sleeps(&connections, 1_000.0).await, Err(Refusal::Silent)));
    }
    served_by(&beside).await.expect("a session");
    let asleep =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event = 'PgSleep'");
    let mut looks = 0..200;
    while Server::shared().sql("postgres", &asleep) != "0" {
        looks.next().expect("what was given up goes on");
    }
}

#[tokio::test]
async fn a_call_that_finds_no_free_connection_in_time_costs_nobody_theirs() {
    let (_, mut options) = database();
    options.limits.call = Duration::from_secs(2);
    let connections = Connections::new(options, 1);
    let pid = served_by(&connections).await.expect("a session");
    let busy = connections.session().await.expect("the same");
    let refused = served_by(&connections).await.expect_err("none is free");
    assert!(!refused.is_lost_connection(), "{refused}");
    busy.end().await.expect("it lives");
    assert_eq!(served_by(&connections).await.expect("the same"), pid);
    // What a call has waited for is none of the time that it may take.
    let busy = connections.session().await.expect("the same");
    let (slept, ()) = tokio::join!(sleeps(&connections, 1.3), async {
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        busy.end().await.expect("it lives");
    });
    slept.expect("in time");
}

#[tokio::test]
async fn the_server_notices_a_client_that_has_gone_without_a_word() {
    let (_, options) = database();
    let connections = Connections::new(options, 1);
    let mut session = connections.session().await.expect("a session");
    let shown = session.all(session.query(
        "SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), \
         current_setting('tcp_keepalives_count'), current_setting('tcp_user_timeout')",
    ));
    let shown = shown.await.expect("shown").remove(0);
    let shown: Vec<String> = (0..4).map(|column| shown.get(column)).collect();
    assert_eq!(shown, ["30", "10", "3", "20000"]);
}

#[tokio::test]
async fn a_look_at_one_moment_is_bounded_as_everything_else() {
    let (_, mut options) = database();
    for pooled in [false, true] {
        options.pooled = pooled;
        let connections = Connections::new(options.clone(), 1);
        let mut session = connections.session().await.expect("a session");
        session.begin_snapshot().await.expect("begun");
        let shown = session.all(session.query(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), \
             current_setting('idle_in_transaction_session_timeout')",
        ));
        let shown = shown.await.expect("shown").remove(0);
        let shown: Vec<String> = (0..3).map(|column| shown.get(column)).collect();
        assert_eq!(shown, ["10s", "5s", "3s"], "pooled: {pooled}");
    }
}
