//! Who waits for whom, of two processes on one database.

use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::identity::v1::ApiKeySpec;
use futures::FutureExt;
use futures::future::{join_all, select};

use super::*;
use crate::model::Account;
use crate::operations::OutboxRound;
use crate::test_support::{TestAccount, TestCloud};

async fn two_processes() -> (String, Place, [Store; 2]) {
    let (name, place) = database();
    let stores = [place.open().await, place.open().await];
    let mut transaction = stores[0].begin(Lock::Accounts).await.unwrap();
    for id in ["acct1", "acct2"] {
        let account = Account { id: id.to_owned(), name: id.to_owned(), created_ms: 1 };
        transaction.insert_account(&account).await.unwrap();
    }
    transaction.commit().await.unwrap();
    (name, place, stores)
}

#[tokio::test]
async fn a_lock_excludes_its_like_and_nothing_else() {
    let (name, _place, [first, second]) = two_processes().await;
    let locks = [
        Lock::Accounts,
        Lock::Account("acct1"),
        Lock::Account("acct2"),
        Lock::Placement("acct1"),
        Lock::Cells,
        Lock::KeySet,
    ];
    let excludes = |held: Lock<'_>, wanted: Lock<'_>| {
        held == wanted
            || matches!(
                (held, wanted),
                (Lock::Placement(_), Lock::Cells | Lock::Account("acct1"))
                    | (Lock::Cells | Lock::Account("acct1"), Lock::Placement(_))
            )
    };
    for held in locks {
        for wanted in locks {
            let holding = first.begin(held).await.unwrap();
            if excludes(held, wanted) {
                let (waited, ()) = tokio::join!(second.begin(wanted), async {
                    waits(&name, 1).await;
                    holding.commit().await.unwrap();
                });
                waited.unwrap().commit().await.unwrap();
            } else {
                second.begin(wanted).await.unwrap().commit().await.unwrap();
                holding.commit().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn who_waited_sees_what_the_other_committed() {
    let (name, _place, [first, second]) = two_processes().await;
    let mut holding = first.begin(Lock::Accounts).await.unwrap();
    let account = Account { id: "acct3".to_owned(), name: "three".to_owned(), created_ms: 1 };
    holding.insert_account(&account).await.unwrap();
    let (waited, ()) = tokio::join!(second.begin(Lock::Accounts), async {
        waits(&name, 1).await;
        holding.commit().await.unwrap();
    });
    assert_eq!(waited.unwrap().account_by_name("three").await.unwrap(), Some(account));
}

#[tokio::test]
async fn who_is_dropped_in_the_middle_keeps_nobody_waiting() {
    let (name, _place, [first, second]) = two_processes().await;
    let holding = first.begin(Lock::Account("acct1")).await.unwrap();
    let (waited, ()) = tokio::join!(second.begin(Lock::Account("acct1")), async {
        waits(&name, 1).await;
        drop(holding);
    });
    waited.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn a_lock_that_is_not_given_in_time_is_an_error_that_passes() {
    let (name, place, [first, _]) = two_processes().await;
    let mut options = options(place.url.expose());
    options.limits.lock = Duration::from_millis(100);
    let hasty = PostgresStore::open(&options).await.unwrap();
    let holding = first.begin(Lock::Account("acct1")).await.unwrap();
    let refused = hasty.write(Lock::Account("acct1")).await.err().unwrap();
    assert!(refused.is_retryable(), "{refused} of {name}");
    holding.commit().await.unwrap();
    hasty.write(Lock::Account("acct1")).await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn calls_of_one_account_hold_up_neither_other_accounts_nor_leases() {
    let (_, place, [first, _]) = two_processes().await;
    let mut options = options(place.url.expose());
    options.limits.lock = Duration::from_secs(60);
    let hasty = Duration::from_secs(3);
    let busy = Store(Arc::new(PostgresStore::open(&options).await.unwrap()));
    let holding = first.begin(Lock::Account("acct1")).await.unwrap();
    let mut waiting = Box::pin(join_all((0..4 * WRITING).map(|_| busy.begin(Lock::Account("acct1")))));
    assert!((&mut waiting).now_or_never().is_none(), "each of them has begun to wait");
    let others = async {
        busy.begin(Lock::Account("acct2")).await.unwrap().commit().await.unwrap();
        assert!(busy.take(Task::Outbox).await.unwrap());
    };
    let others = Box::pin(tokio::time::timeout(hasty, others));
    let futures::future::Either::Right((in_time, waiting)) = select(waiting, others).await else {
        panic!("somebody has the account");
    };
    in_time.expect("nobody else waits");
    drop(waiting);
    holding.commit().await.unwrap();
}

async fn ask(cloud: &TestCloud, account: &TestAccount) -> String {
    let request = cloud::CreateApiKeyRequest { spec: Some(ApiKeySpec::default()), ..Default::default() };
    let made = cloud.call(&account.token, cloud_service::CREATE_API_KEY, &request).await.unwrap();
    format!("{}/{}", account.id, made.async_operation.unwrap().id)
}

#[tokio::test]
async fn operations_are_started_while_somebody_has_their_account() {
    let (_, place) = database();
    let cloud = TestCloud::at(place.again(), &["a"]).await;
    let (held, free) = (cloud.account("acme").await, cloud.account("globex").await);
    for account in [&held, &free] {
        ask(&cloud, account).await;
    }
    let other = place.open().await;
    let holding = other.begin(Lock::Account(&held.id)).await.unwrap();
    let round = cloud.outbox.run_once().await.unwrap();
    assert_eq!(round, OutboxRound { started: 2, problem: None });
    holding.commit().await.unwrap();
}

#[tokio::test]
async fn an_operation_that_cannot_be_marked_as_started_holds_up_no_other() {
    let (name, place) = database();
    let cloud = TestCloud::at(place, &["a"]).await;
    let account = cloud.account("acme").await;
    let stuck = ask(&cloud, &account).await;
    ask(&cloud, &account).await;
    let refuse = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON operations FOR EACH ROW
             WHEN (new.workflow_id = '{stuck}') EXECUTE FUNCTION refuse()"
    );
    Server::shared().sql(&name, &refuse);
    let round = cloud.outbox.run_once().await.unwrap();
    assert_eq!(round.started, 1);
    assert!(round.problem.is_some_and(|problem| problem.contains("not this one")));
    let left = cloud.activities.store.snapshot().await.unwrap().operations_to_start(9).await.unwrap();
    assert_eq!(left.into_iter().map(|operation| operation.workflow_id).collect::<Vec<_>>(), [stuck]);
}

/// A call that was let in with a key, which is deleted while the call waits for its account.
#[tokio::test]
async fn a_key_that_was_deleted_meanwhile_makes_no_successor() {
    let (name, place) = database();
    let cloud = TestCloud::at(place.again(), &["a"]).await;
    let account = cloud.account("acme").await;
    let request = cloud::CreateApiKeyRequest { spec: Some(ApiKeySpec::default()), ..Default::default() };
    let leaked = cloud.call(&account.token, cloud_service::CREATE_API_KEY, &request).await.unwrap();
    let other = place.open().await;
    let mut deleting = other.begin(Lock::Account(&account.id)).await.unwrap();
    let (made, ()) =
        tokio::join!(cloud.call(&leaked.token, cloud_service::CREATE_API_KEY, &request), async {
            waits(&name, 1).await;
            deleting.delete_api_key(&leaked.key_id).await.unwrap();
            deleting.commit().await.unwrap();
        });
    assert_eq!(made.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(
        other.snapshot().await.unwrap().key_set().await.unwrap().len(),
        1,
        "the account's first alone"
    );
}
