//! Who makes API keys for whom, and for how long.

use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::identity::v1::ApiKeySpec;
use atoll_internal_api::operator::v1::{ListAuditRecordsRequest, operator_service};
use atoll_rpc::{Clock, wire_time};

use crate::keys;
use crate::model::{Access, AccountRole, ApiKey, Principal, PrincipalKind};
use crate::store::Lock;
use crate::test_support::{OPERATOR_KEY, TestAccount, TestCloud};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long the keys live that the callers show.
const CALLERS_DAYS: i64 = 10;

/// A principal whose id says what it is: `user-Some(Admin)`. Gives a token of it.
async fn principal(
    test: &TestCloud,
    account: &TestAccount,
    kind: PrincipalKind,
    role: Option<AccountRole>,
) -> String {
    let now = test.clock.unix_millis();
    let id = id(kind, role);
    let access = Access { account_role: role, namespaces: Default::default() };
    let owner = Principal {
        id: id.clone(),
        account_id: account.id.clone(),
        kind,
        name: id.clone(),
        description: String::new(),
        access,
        resource_version: 1,
        created_ms: now,
        modified_ms: None,
    };
    let new = keys::mint(&crate::entropy::SystemEntropy);
    let key = ApiKey {
        id: new.id,
        account_id: account.id.clone(),
        principal_id: id,
        secret_sha256: new.secret_sha256,
        display_name: String::new(),
        description: String::new(),
        expires_ms: now + CALLERS_DAYS * DAY_MS,
        disabled: false,
        resource_version: 1,
        workflow_id: String::new(),
        created_ms: now,
        modified_ms: None,
    };
    let mut transaction = test.activities.store.begin(Lock::Account(&account.id)).await.unwrap();
    transaction.insert_principal(&owner).await.unwrap();
    transaction.insert_api_key(&key).await.unwrap();
    transaction.commit().await.unwrap();
    new.token
}

fn id(kind: PrincipalKind, role: Option<AccountRole>) -> String {
    format!("{}-{role:?}", kind.name())
}

const ROLES: [Option<AccountRole>; 7] = [
    Some(AccountRole::Owner),
    Some(AccountRole::Admin),
    Some(AccountRole::Developer),
    Some(AccountRole::FinanceAdmin),
    Some(AccountRole::Read),
    Some(AccountRole::MetricsRead),
    None,
];

/// Days that a made key lives, or why there is none.
type Made = Result<i64, Code>;

async fn make(test: &TestCloud, token: &str, owner_id: &str, days: Option<i64>) -> Made {
    let now = test.clock.unix_millis();
    let spec = ApiKeySpec {
        owner_id: owner_id.to_owned(),
        expiry_time: days.map(|days| wire_time::from_millis(now + days * DAY_MS)),
        ..ApiKeySpec::default()
    };
    let request = cloud::CreateApiKeyRequest { spec: Some(spec), ..Default::default() };
    let made = test.call(token, cloud_service::CREATE_API_KEY, &request).await;
    let made = made.map_err(|status| status.code)?;
    let mut snapshot = test.activities.store.snapshot().await.unwrap();
    let key = snapshot.api_key(&made.key_id).await.unwrap().unwrap();
    let owner = if owner_id.is_empty() { &key.principal_id } else { owner_id };
    assert_eq!(&key.principal_id, owner);
    Ok((key.expires_ms - now) / DAY_MS)
}

#[tokio::test]
async fn users_for_themselves_and_admins_for_service_accounts() {
    use AccountRole::*;
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    const NO: Made = Err(Code::PermissionDenied);
    const YES: Made = Ok(700);
    // What each caller gets that wants a key of 700 days for a service account with each of the roles, in the order of
    // ROLES.
    let table = [
        (Some(Owner), [YES; 7]),
        (Some(Admin), [NO, YES, YES, NO, YES, YES, YES]),
        (Some(Developer), [NO; 7]),
        (Some(FinanceAdmin), [NO; 7]),
        (Some(Read), [NO; 7]),
        (Some(MetricsRead), [NO; 7]),
        (None, [NO; 7]),
    ];
    let (mut users, mut robots) = (Vec::new(), Vec::new());
    for role in ROLES {
        users.push(principal(&test, &account, PrincipalKind::User, role).await);
        robots.push(principal(&test, &account, PrincipalKind::ServiceAccount, role).await);
    }
    for ((caller, expected), (user, robot)) in table.into_iter().zip(users.iter().zip(&robots)) {
        for (target, expected) in ROLES.into_iter().zip(expected) {
            let service_account = id(PrincipalKind::ServiceAccount, target);
            let made = make(&test, user, &service_account, Some(700)).await;
            assert_eq!(made, expected, "user {caller:?} for service account {target:?}");
            // A service account is no less than a user of its role, but for itself.
            if caller != target {
                let made = make(&test, robot, &service_account, Some(700)).await;
                assert_eq!(made, expected, "service account {caller:?} for service account {target:?}");
            }
            // For another user nobody makes any, however short.
            let other = id(PrincipalKind::User, target);
            if caller != target {
                assert_eq!(
                    make(&test, user, &other, Some(1)).await,
                    NO,
                    "user {caller:?} for user {target:?}"
                );
            }
            let made = make(&test, robot, &other, Some(1)).await;
            assert_eq!(made, NO, "service account {caller:?} for user {target:?}");
        }
        let first_owner = make(&test, user, &account.owner_id, Some(1)).await;
        assert_eq!(first_owner, NO, "user {caller:?} for the account's first owner");
    }
}

#[tokio::test]
async fn a_key_makes_no_other_of_its_owner_that_lives_longer() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    for role in ROLES {
        for kind in [PrincipalKind::User, PrincipalKind::ServiceAccount] {
            let token = principal(&test, &account, kind, role).await;
            let own = id(kind, role);
            for owner in ["", own.as_str()] {
                // Days that are asked for, and what comes of it.
                for (days, expected) in [
                    (None, Ok(CALLERS_DAYS)),
                    (Some(1), Ok(1)),
                    (Some(CALLERS_DAYS), Ok(CALLERS_DAYS)),
                    (Some(CALLERS_DAYS + 1), Err(Code::InvalidArgument)),
                    (Some(700), Err(Code::InvalidArgument)),
                    (Some(800), Err(Code::InvalidArgument)),
                    (Some(0), Err(Code::InvalidArgument)),
                ] {
                    let made = make(&test, &token, owner, days).await;
                    assert_eq!(made, expected, "{own} for {owner:?}, {days:?} days");
                }
            }
        }
    }
    // Where the key that asks lives long, the default counts.
    assert_eq!(make(&test, &account.token, "", None).await, Ok(90));
}

#[tokio::test]
async fn the_audit_record_names_who_asked_and_whose_key_it_is() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let role = Some(AccountRole::Developer);
    principal(&test, &account, PrincipalKind::ServiceAccount, role).await;
    let owner = id(PrincipalKind::ServiceAccount, role);
    make(&test, &account.token, &owner, None).await.unwrap();
    let list = ListAuditRecordsRequest { account_id: account.id.clone(), ..Default::default() };
    let listed = test.call(OPERATOR_KEY, operator_service::LIST_AUDIT_RECORDS, &list).await.unwrap();
    let record = &listed.records[0];
    assert_eq!(record.action, "CreateApiKey");
    assert_eq!(record.actor, format!("user:{}", account.owner_id));
    assert!(account.token.starts_with(&record.key_id));
    assert!(record.resource.ends_with(&format!(" of service-account:{owner}")), "{}", record.resource);
}
