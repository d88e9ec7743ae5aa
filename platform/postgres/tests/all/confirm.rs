//! What was seen, and what no standby has of it.

use super::*;
use atoll_postgres::{Connections, Session};
use atoll_test_postgres::Settings;
use std::time::Duration;

/// Ends every wait for a standby, as an operator may: what waited is seen by everybody, and no standby has it.
fn end_waits(server: &Server) {
    let waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while server.sql("postgres", &format!("SELECT count(pg_cancel_backend(pid)) {waits}")) != "0" {}
}

/// How a session begins, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In a transaction of each statement, then confirmed.
    ByStatement,
    Begun,
    /// Undone, and confirmed.
    Undone,
    /// One that cannot write, undone and confirmed.
    Snapshot,
    /// One whose last statement failed.
    Failed,
}

const WAYS: [Way; 5] = [Way::ByStatement, Way::Begun, Way::Undone, Way::Snapshot, Way::Failed];

async fn read(session: &mut Session<'_>) -> Result<usize, Refusal> {
    Ok(session.all(session.query("SELECT author FROM books")).await?.len())
}

/// Reads, and confirms that or does not.
async fn looks(connections: &Connections, way: Way, confirms: bool) -> Result<usize, Refusal> {
    let look = async {
        let mut session = connections.session().await?;
        match way {
            Way::ByStatement => {}
            Way::Begun | Way::Undone | Way::Failed => session.begin().await?,
            Way::Snapshot => session.begin_snapshot().await?,
        }
        let found = read(&mut session).await?;
        if way == Way::Failed {
            session
                .all(session.query("SELECT 1 / (count(*) - count(*)) FROM books"))
                .await
                .expect_err("no number");
        }
        match (way, confirms) {
            (Way::ByStatement | Way::Begun, true) => session.confirm().await?,
            (_, true) => session.undo_and_confirm().await?,
            (Way::ByStatement | Way::Begun, false) => session.end().await?,
            (_, false) => session.undo().await?,
        }
        Ok(found)
    };
    connections.within(Duration::ZERO, look).await
}

#[tokio::test]
async fn what_no_standby_has_is_seen_and_not_confirmed() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    for pooled in [false, true] {
        let mut options = options(&server.url(&name));
        options.limits.call = Duration::from_millis(700);
        options.pooled = pooled;
        open(&options).await.expect("its tables");
        let connections = Connections::new(options, 1);
        server.set("synchronous_standby_names", "away");
        let before = server.sql(&name, "SELECT count(*) FROM books").parse::<usize>().expect("a count");
        let put = connections.within(Duration::ZERO, async {
            let mut session = connections.session().await?;
            session.begin().await?;
            session.run(session.query("INSERT INTO books VALUES ($1)").bind("Ada")).await?;
            session.end().await
        });
        assert!(matches!(put.await, Err(Refusal::Silent)));
        end_waits(&server);
        for way in WAYS {
            assert_eq!(looks(&connections, way, false).await.expect("seen"), before + 1, "{way:?}");
            let confirmed = looks(&connections, way, true).await;
            assert!(matches!(confirmed, Err(Refusal::Silent)), "{way:?}, pooled: {pooled}: {confirmed:?}");
        }
        server.set("synchronous_standby_names", "");
        for way in WAYS {
            assert_eq!(looks(&connections, way, true).await.expect("confirmed"), before + 1, "{way:?}");
        }
    }
}

#[tokio::test]
async fn one_that_failed_does_not_seem_to_be_committed() {
    let (_, options) = database();
    open(&options).await.expect("its tables");
    let connections = Connections::new(options, 1);
    let mut session = connections.session().await.expect("a session");
    session.begin().await.expect("begun");
    session.all(session.query("SELECT 1 / (count(*) - count(*)) FROM books")).await.expect_err("no number");
    session.confirm().await.expect_err("it was undone");
}
