//! What either engine promises, as one suite: each case is a test of its own on each of them.
//!
//! To add a case: a function in the file of its aggregate that takes the engine, and its name in the list at the file's
//! beginning.

mod access;
mod cells;
mod namespaces;
mod operations;
mod transactions;
mod versions;

use super::{Lock, Store, StoreError, Transaction};
use crate::config::CellConfig;
use crate::model::{
    Access, Account, AccountRole, ApiKey, Operation, OperationKind, OperationState, Principal, PrincipalKind,
};
use crate::test_support::{Engine, Place, on_each_engine};

/// A database with a region, the cells `a` and `b`, and the accounts `acct1` and `acct2`, each with a user.
struct World {
    place: Place,
    store: Store,
}

const ACCOUNTS: [&str; 2] = ["acct1", "acct2"];

impl World {
    async fn new(engine: Engine) -> Self {
        let place = engine.place();
        let store = place.open().await;
        let mut transaction = store.begin(Lock::Cells).await.unwrap();
        transaction.configure_region("local", "here").await.unwrap();
        for id in ["a", "b"] {
            transaction.configure_cell(&cell(id)).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let mut transaction = store.begin(Lock::Accounts).await.unwrap();
        for id in ACCOUNTS {
            transaction.insert_account(&account(id)).await.unwrap();
            transaction.insert_principal(&user(id, "owner")).await.unwrap();
        }
        transaction.commit().await.unwrap();
        Self { place, store }
    }

    /// A transaction on the first account.
    async fn write(&self) -> Box<dyn Transaction> {
        self.store.begin(Lock::Account("acct1")).await.unwrap()
    }
}

fn cell(id: &str) -> CellConfig {
    CellConfig {
        id: id.to_owned(),
        region: "local".to_owned(),
        frontend: format!("{id}:7233"),
        admin: format!("{id}:7300"),
        token: "t".into(),
        capacity: 7,
    }
}

fn account(id: &str) -> Account {
    Account { id: id.to_owned(), name: format!("name of {id}"), created_ms: 5 }
}

/// A user called `<name>@<account>`, which is its id, too.
fn user(account_id: &str, name: &str) -> Principal {
    Principal {
        id: format!("{name}@{account_id}"),
        account_id: account_id.to_owned(),
        kind: PrincipalKind::User,
        name: format!("{name}@{account_id}"),
        description: String::new(),
        access: Access::of_role(AccountRole::Owner),
        resource_version: 1,
        created_ms: 5,
        modified_ms: None,
    }
}

/// A key of the first account's owner.
fn key(id: &str) -> ApiKey {
    ApiKey {
        id: id.to_owned(),
        account_id: "acct1".to_owned(),
        principal_id: "owner@acct1".to_owned(),
        secret_sha256: [7; 32],
        display_name: "ci".to_owned(),
        description: String::new(),
        expires_ms: 9,
        disabled: true,
        resource_version: 1,
        workflow_id: "w".to_owned(),
        created_ms: 5,
        modified_ms: None,
    }
}

fn operation(account_id: &str, id: &str, created_ms: i64) -> Operation {
    Operation {
        workflow_id: Operation::workflow_id(account_id, id),
        account_id: account_id.to_owned(),
        id: id.to_owned(),
        kind: OperationKind::CreateApiKey,
        subject: "key".to_owned(),
        state: OperationState::Pending,
        failure_reason: String::new(),
        input_type: "type".to_owned(),
        input: vec![0, 1, 255],
        previous_spec: None,
        created_ms,
        finished_ms: None,
    }
}

fn is_refused<T>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Refused(_)))
}
