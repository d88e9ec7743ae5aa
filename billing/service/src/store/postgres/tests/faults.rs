//! What goes wrong between billing and its database: what was answered stands, what was not is found out by asking
//! again.

use std::time::Duration;

use atoll_test_postgres::{Cut, Server, Wire};

use super::{open, options};
use crate::store::conformance::values::{now, plain, run};
use crate::store::{DraftWrite, FinalizeWrite, Store, StoreError};

/// The whole of it: every transaction begins with READ COMMITTED.
const COMMIT: &[u8] = b"COMMIT\0";

/// Looks at the server that a test takes before it fails: each is a program that runs.
const LOOKS: usize = 400;

/// A store that reaches its database over a wire, and one that reaches it directly.
async fn wired() -> (Store, Wire, Store, String) {
    let server = Server::shared();
    let name = server.database();
    let direct = open(options(server.url(&name))).await;
    let wire = Wire::to(server.address()).await;
    let mut over_wire = options(server.url_at(wire.address(), &name));
    over_wire.limits.call = Duration::from_secs(2);
    over_wire.limits.idle_in_transaction = Duration::from_secs(2);
    (open(over_wire).await, wire, direct, name)
}

/// Answers when no session of the database is busy: what was under way is done or undone then.
fn settled(name: &str) {
    let busy = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND state NOT IN ('idle', 'idle in transaction')"
    );
    let mut looks = 0..LOOKS;
    while Server::shared().sql("postgres", &busy) != "0" {
        looks.next().expect("a session stays busy");
    }
}

/// Cuts of a message, and whether what it asks for stands behind them, where that is sure.
fn cuts(mark: &[u8]) -> [(Cut, Option<bool>); 4] {
    [
        (Cut::Before(mark.to_vec()), Some(false)),
        (Cut::Behind(mark.to_vec()), None),
        (Cut::BeforeAnswer(mark.to_vec()), Some(true)),
        (Cut::Silence(mark.to_vec()), None),
    ]
}

fn is_unknown<T: std::fmt::Debug>(wire: &Wire, answer: &Result<T, StoreError>) {
    assert!(wire.is_cut(), "{answer:?}");
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

/// Calls until the account is free: a session that hangs in the middle of a transaction holds it until the server ends
/// it, and a call that meets that gives up sooner.
async fn repeated<T>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    for _ in 0..20 {
        match call().await {
            Ok(answer) => return answer,
            Err(StoreError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the account stays held")
}

#[tokio::test]
async fn a_run_whose_commit_is_cut_is_kept_once() {
    let (store, wire, direct, name) = wired().await;
    for (version, (cut, stands)) in (1..).zip(cuts(COMMIT)) {
        let run = run("acme1", "2026-01", version);
        wire.cut(cut);
        is_unknown(&wire, &store.insert_run(&run, now()).await);
        settled(&name);
        let count = format!("SELECT count(*) FROM rating_runs WHERE run_json LIKE '%\"v{version}\"%'");
        let count = || Server::shared().sql(&name, &count);
        assert!(stands.is_none_or(|stands| (count() == "1") == stands), "{version}");
        let id = store.insert_run(&run, now()).await.unwrap();
        assert_eq!(direct.run(&id).await.unwrap(), Some(run));
        assert_eq!(count(), "1");
    }
}

#[tokio::test]
async fn a_draft_that_is_cut_anywhere_stands_whole_or_not_at_all() {
    let (store, wire, direct, name) = wired().await;
    let run_id = store.insert_run(&run("acme1", "2026-01", 1), now()).await.unwrap();
    let before = plain("acme1", "2026-01", 1);
    // A line's row, and the commit.
    for (mark, commits) in [(&b"Actions "[..], false), (COMMIT, true)] {
        for (cut, stands) in cuts(mark) {
            direct.write_draft(&before, &run_id, now()).await.unwrap();
            let after = plain("acme1", "2026-01", 2);
            wire.cut(cut);
            is_unknown(&wire, &store.write_draft(&after, &run_id, now()).await);
            settled(&name);
            // Takes the account: what was under way is done or undone then.
            let taken =
                repeated(async || direct.finalize(&before.id, "another hash", &[], now()).await).await;
            assert_eq!(taken, FinalizeWrite::OtherDraft);
            let found = direct.invoice(&before.id).await.unwrap().unwrap().content;
            assert!(found == before || commits && found == after);
            assert!(!commits || stands.is_none_or(|stands| (found == after) == stands));
            let again = store.write_draft(&after, &run_id, now()).await.unwrap();
            assert_eq!(again, DraftWrite::Written);
            assert_eq!(direct.invoice(&before.id).await.unwrap().unwrap().content, after);
        }
    }
}

#[tokio::test]
async fn a_finalization_that_is_cut_anywhere_is_done_and_booked_once() {
    let (store, wire, direct, name) = wired().await;
    let mut accounts = 0..;
    // The booking, and the commit.
    for (mark, commits) in [(&b":finalized"[..], false), (COMMIT, true)] {
        for (cut, stands) in cuts(mark) {
            let account = format!("acme{}", accounts.next().unwrap());
            let january = plain(&account, "2026-01", 7);
            let run_id = store.insert_run(&run(&account, "2026-01", 1), now()).await.unwrap();
            store.write_draft(&january, &run_id, now()).await.unwrap();
            let hash = january.hash().to_string();
            wire.cut(cut);
            is_unknown(&wire, &store.finalize(&january.id, &hash, &[], now()).await);
            settled(&name);
            let booked = direct.entries(&january.id).await.unwrap().len();
            assert!(!commits || stands.is_none_or(|stands| booked == usize::from(stands)), "{booked}");
            assert!(commits || booked == 0);
            let again = repeated(async || store.finalize(&january.id, &hash, &[], now()).await).await;
            let FinalizeWrite::Issued(issued) = again else { panic!("not issued") };
            assert_eq!(direct.invoice(&january.id).await.unwrap(), Some(*issued));
            assert_eq!(direct.entries(&january.id).await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_server_that_is_told_to_lose_commits_gets_none() {
    let server = Server::start(&atoll_test_postgres::Settings::default());
    let name = server.database();
    let store = open(options(server.url(&name))).await;
    let run = run("acme1", "2026-01", 1);
    server.set("fsync", "off");
    let refused = store.insert_run(&run, now()).await.unwrap_err();
    assert!(refused.to_string().contains("fsync is off"), "{refused}");
    assert_eq!(server.sql(&name, "SELECT count(*) FROM rating_runs"), "0");
    server.set("fsync", "on");
    store.insert_run(&run, now()).await.unwrap();
}
