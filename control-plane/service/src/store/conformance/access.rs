//! Accounts, principals, API keys.

use super::*;
use crate::model::{KeyGrant, Permission};
use crate::store::KeyFilter;

on_each_engine! {
    accounts_are_found_by_id_and_by_name_and_both_are_unique,
    accounts_come_in_pages_in_the_order_of_bytes,
    principals_come_back_whole_and_are_unique_by_kind_and_name,
    access_changes_raise_the_version,
    the_first_admin_is_the_oldest_user,
    permissions_on_a_namespace_end_together,
    keys_come_back_whole_and_go,
    keys_come_in_pages_by_owner_and_kind,
    the_set_of_keys_is_of_all_accounts_with_what_each_grants,
    a_text_with_a_zero_is_refused_and_nothing_is_written,
}

async fn accounts_are_found_by_id_and_by_name_and_both_are_unique(engine: Engine) {
    let world = World::new(engine).await;
    let mut snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.account("acct1").await.unwrap(), Some(account("acct1")));
    assert_eq!(snapshot.account_by_name("name of acct2").await.unwrap(), Some(account("acct2")));
    assert_eq!(snapshot.account("acct3").await.unwrap(), None);
    for taken in [
        Account { name: "other".to_owned(), ..account("acct1") },
        Account { id: "other".to_owned(), ..account("acct1") },
    ] {
        let mut transaction = world.store.begin(Lock::Accounts).await.unwrap();
        assert!(is_refused(transaction.insert_account(&taken).await), "{taken:?}");
    }
}

async fn accounts_come_in_pages_in_the_order_of_bytes(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.store.begin(Lock::Accounts).await.unwrap();
    for id in ["b", "B", "_", "é", "a-", "a", "a.b"] {
        transaction.insert_account(&account(id)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let (mut after, mut seen) = (String::new(), Vec::new());
    let mut snapshot = world.store.snapshot().await.unwrap();
    loop {
        let page = snapshot.accounts(&after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.id.clone();
        seen.extend(page.into_iter().map(|account| account.id));
    }
    assert_eq!(seen, ["B", "_", "a", "a-", "a.b", "acct1", "acct2", "b", "é"]);
}

async fn principals_come_back_whole_and_are_unique_by_kind_and_name(engine: Engine) {
    let world = World::new(engine).await;
    let machine = Principal {
        id: "sa".to_owned(),
        kind: PrincipalKind::ServiceAccount,
        description: "größer \"than\" '%_\n".to_owned(),
        access: Access { account_role: None, namespaces: [("n.acct1".to_owned(), Permission::Write)].into() },
        ..user("acct1", "owner")
    };
    let mut transaction = world.write().await;
    transaction.insert_principal(&machine).await.unwrap();
    assert_eq!(transaction.principal("sa").await.unwrap(), Some(machine.clone()));
    transaction.commit().await.unwrap();
    let mut snapshot = world.store.snapshot().await.unwrap();
    let machines = snapshot.principals("acct1", PrincipalKind::ServiceAccount, "", 9).await.unwrap();
    assert_eq!(machines, std::slice::from_ref(&machine));
    assert_eq!(snapshot.principals("acct1", PrincipalKind::ServiceAccount, "sa", 9).await.unwrap(), []);
    assert_eq!(snapshot.principals("acct2", PrincipalKind::User, "", 9).await.unwrap().len(), 1);
    let mut transaction = world.write().await;
    assert!(is_refused(transaction.insert_principal(&Principal { id: "sa2".to_owned(), ..machine }).await));
}

async fn access_changes_raise_the_version(engine: Engine) {
    let world = World::new(engine).await;
    let access = Access::of_role(AccountRole::Read);
    let mut transaction = world.write().await;
    transaction.set_access("owner@acct1", &access, 77).await.unwrap();
    transaction.commit().await.unwrap();
    let mut snapshot = world.store.snapshot().await.unwrap();
    let read = snapshot.principal("owner@acct1").await.unwrap().unwrap();
    assert_eq!((read.access, read.resource_version, read.modified_ms), (access, 2, Some(77)));
}

async fn the_first_admin_is_the_oldest_user(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.write().await;
    let older = Principal { created_ms: 4, ..user("acct1", "zoe") };
    let machine = Principal { created_ms: 1, kind: PrincipalKind::ServiceAccount, ..user("acct1", "a") };
    for principal in [&user("acct1", "later"), &older, &machine] {
        transaction.insert_principal(principal).await.unwrap();
    }
    assert_eq!(transaction.first_admin("acct1").await.unwrap(), Some(older));
    assert_eq!(transaction.first_admin("acct3").await.unwrap(), None);
}

async fn permissions_on_a_namespace_end_together(engine: Engine) {
    let world = World::new(engine).await;
    let with = |names: &[&str]| Access {
        account_role: None,
        namespaces: names.iter().map(|name| ((*name).to_owned(), Permission::Read)).collect(),
    };
    let mut transaction = world.write().await;
    for (name, names) in
        [("one", &["n.acct1", "m.acct1"][..]), ("two", &["n.acct1"]), ("three", &["nn.acct1"])]
    {
        let principal = Principal { access: with(names), ..user("acct1", name) };
        transaction.insert_principal(&principal).await.unwrap();
    }
    assert!(!transaction.revoke_namespace("acct2", "n.acct1", 8).await.unwrap(), "of another account");
    assert!(transaction.revoke_namespace("acct1", "n.acct1", 8).await.unwrap());
    assert!(!transaction.revoke_namespace("acct1", "n.acct1", 9).await.unwrap(), "once");
    for (name, names, version) in [("one", &["m.acct1"][..], 2), ("two", &[], 2), ("three", &["nn.acct1"], 1)]
    {
        let left = transaction.principal(&format!("{name}@acct1")).await.unwrap().unwrap();
        assert_eq!((left.access, left.resource_version), (with(names), version), "{name}");
    }
}

async fn keys_come_back_whole_and_go(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.write().await;
    transaction.insert_api_key(&key("k1")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(world.store.snapshot().await.unwrap().api_key("k1").await.unwrap(), Some(key("k1")));
    let mut transaction = world.write().await;
    transaction.delete_api_key("k1").await.unwrap();
    transaction.delete_api_key("k2").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(world.store.snapshot().await.unwrap().api_key("k1").await.unwrap(), None);
    let mut transaction = world.write().await;
    let nobodys = ApiKey { principal_id: "nobody".to_owned(), ..key("k3") };
    let refused = match transaction.insert_api_key(&nobodys).await {
        Ok(()) => transaction.commit().await,
        refused => refused,
    };
    assert!(is_refused(refused), "a key of nobody");
}

async fn keys_come_in_pages_by_owner_and_kind(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.write().await;
    let machine = Principal { kind: PrincipalKind::ServiceAccount, ..user("acct1", "sa") };
    transaction.insert_principal(&machine).await.unwrap();
    for (id, owner) in [("k3", &machine.id), ("k1", &machine.id), ("k2", &"owner@acct1".to_owned())] {
        let key = ApiKey { principal_id: owner.clone(), ..key(id) };
        transaction.insert_api_key(&key).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let all = KeyFilter { account_id: "acct1", after: "", owner_id: "", owner_kind: None, limit: 9 };
    let user_kind = Some(PrincipalKind::User);
    for (filter, expected) in [
        (KeyFilter { ..all }, &["k1", "k2", "k3"][..]),
        (KeyFilter { limit: 2, ..all }, &["k1", "k2"]),
        (KeyFilter { after: "k1", ..all }, &["k2", "k3"]),
        (KeyFilter { owner_id: &machine.id, ..all }, &["k1", "k3"]),
        (KeyFilter { owner_kind: user_kind, ..all }, &["k2"]),
        (KeyFilter { owner_id: &machine.id, owner_kind: user_kind, ..all }, &[]),
        (KeyFilter { account_id: "acct2", ..all }, &[]),
    ] {
        let found = world.store.snapshot().await.unwrap().api_keys(&filter).await.unwrap();
        assert_eq!(found.iter().map(|key| &key.id).collect::<Vec<_>>(), expected);
    }
}

async fn the_set_of_keys_is_of_all_accounts_with_what_each_grants(engine: Engine) {
    let world = World::new(engine).await;
    let other =
        ApiKey { account_id: "acct2".to_owned(), principal_id: "owner@acct2".to_owned(), ..key("k0") };
    let mut transaction = world.write().await;
    transaction.insert_api_key(&key("k1")).await.unwrap();
    transaction.insert_api_key(&other).await.unwrap();
    transaction.commit().await.unwrap();
    let grant =
        |key| KeyGrant { key, owner_kind: PrincipalKind::User, access: Access::of_role(AccountRole::Owner) };
    let set = world.store.snapshot().await.unwrap().key_set().await.unwrap();
    assert_eq!(set, [grant(other), grant(key("k1"))]);
}

async fn a_text_with_a_zero_is_refused_and_nothing_is_written(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.store.begin(Lock::Accounts).await.unwrap();
    let bad = Account { name: "a\0b".to_owned(), ..account("acct3") };
    assert!(is_refused(transaction.insert_account(&bad).await));
    drop(transaction);
    let mut snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.account("acct3").await.unwrap(), None);
    assert!(is_refused(snapshot.account("a\0").await));
}
