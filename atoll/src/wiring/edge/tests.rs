mod roles;

use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::{Bytes, CallContext, Code, Principal, PrincipalKind, Status};
use atoll_internal_api::cell::v1::{AccountRole, Grant};
use atoll_internal_api::usage::v1::{
    ListUsageRequest, ListUsageResponse, UsageRow, UsageService, usage_service,
};
use atoll_rpc::{CallOptions, Dispatcher, Gate, Interceptor, RawClient, Server, ServerConfig, ServerHandle};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;

use super::caller::CALLER_HEADER;
use super::forward::ForwardService;
use super::guard::InternalGuard;

const TOKEN: &str = "internal.secret";

/// Answers with who calls.
struct WhoCalls;

#[async_trait]
impl UsageService for WhoCalls {
    async fn list_usage(&self, ctx: &CallContext, _: ListUsageRequest) -> Result<ListUsageResponse, Status> {
        let principal = ctx.principal.as_ref().ok_or_else(|| Status::internal("nobody"))?;
        let row = UsageRow {
            kind: format!("{:?}", principal.kind),
            account_id: principal.account.clone(),
            action_type: ctx
                .extensions
                .get::<Grant>()
                .map_or("", |grant| grant.account_role().as_str_name())
                .to_owned(),
            ..Default::default()
        };
        Ok(ListUsageResponse { rows: vec![row], ..Default::default() })
    }
}

/// Authenticates a key `account:role`, with the role as `admin.proto` names it and one namespace that is granted.
struct Keys;

impl Interceptor for Keys {
    fn before<'a>(&'a self, ctx: &'a mut CallContext, _: &'a Bytes) -> Gate<'a> {
        let key = ctx.bearer_token().and_then(|key| key.split_once(':'));
        let known = key.and_then(|(account, role)| Some((account, AccountRole::from_str_name(role)?)));
        if let Some((account, role)) = known {
            let account = account.to_owned();
            let namespaces = [(format!("granted.{account}"), "read".to_owned())].into();
            ctx.principal = Some(Arc::new(Principal {
                kind: PrincipalKind::User,
                id: "u".to_owned(),
                account,
                display: "ü".to_owned(),
            }));
            ctx.extensions.insert(Grant { account_role: role.into(), namespaces });
        }
        Gate::Now(Ok(()))
    }
}

async fn serve(builder: atoll_rpc::DispatcherBuilder) -> ServerHandle {
    let dispatcher = builder.descriptors(atoll_internal_api::descriptor_pool()).build().unwrap();
    Server::new(ServerConfig::default(), dispatcher).start(CancellationToken::new()).await.unwrap()
}

/// Kind of principal, account, and role, as the service behind saw it.
async fn asked(
    address: &str,
    key: Option<&str>,
    forged: Option<&str>,
) -> Result<(String, String, String), Code> {
    let mut options = CallOptions::default();
    if let Some(key) = key {
        options = options.bearer(key);
    }
    if let Some(forged) = forged {
        options = options.header(CALLER_HEADER, forged);
    }
    let client = RawClient::new(address).unwrap();
    let answer = client.call(usage_service::LIST_USAGE, &ListUsageRequest::default(), options).await;
    let row = answer.map_err(|status| status.code)?.rows.remove(0);
    Ok((row.kind, row.account_id, row.action_type))
}

#[tokio::test]
async fn the_caller_travels_with_the_call_and_cannot_be_forged() {
    let behind = serve(
        Dispatcher::builder("metering")
            .interceptor(Arc::new(InternalGuard::new(TOKEN)))
            .service(usage_service::raw(Arc::new(WhoCalls))),
    )
    .await;
    let inside = behind.local_addr().to_string();
    let forward = ForwardService::new(&usage_service::SERVICE, &inside, TOKEN).unwrap();
    let edge =
        serve(Dispatcher::builder("control-plane").interceptor(Arc::new(Keys)).service(Arc::new(forward)))
            .await;
    let outside = edge.local_addr().to_string();

    let user = |role: &str| Ok(("User".to_owned(), "acme1".to_owned(), role.to_owned()));
    for role in [
        "ACCOUNT_ROLE_OWNER",
        "ACCOUNT_ROLE_ADMIN",
        "ACCOUNT_ROLE_DEVELOPER",
        "ACCOUNT_ROLE_FINANCE_ADMIN",
        "ACCOUNT_ROLE_READ",
        "ACCOUNT_ROLE_METRICS_READ",
        "ACCOUNT_ROLE_UNSPECIFIED",
    ] {
        assert_eq!(asked(&outside, Some(&format!("acme1:{role}")), None).await, user(role));
    }
    assert_eq!(asked(&outside, None, None).await, Err(Code::Unauthenticated));

    // What a client says about itself is replaced at the edge, and not listened to without the token.
    let forged = "eyJraW5kIjoib3BlcmF0b3IifQ==";
    let reader = "acme1:ACCOUNT_ROLE_READ";
    assert_eq!(asked(&outside, Some(reader), Some(forged)).await, user("ACCOUNT_ROLE_READ"));
    assert_eq!(asked(&inside, Some(reader), None).await, Err(Code::Unauthenticated));
    assert_eq!(asked(&inside, None, Some(forged)).await, Err(Code::Unauthenticated));

    // A piece of the cloud that speaks for itself, however it writes the scheme.
    let lower = CallOptions::default().header("authorization", &format!("bearer {TOKEN}"));
    let client = RawClient::new(&inside).unwrap();
    let answer = client.call(usage_service::LIST_USAGE, &ListUsageRequest::default(), lower).await;
    assert_eq!(answer.unwrap().rows[0].kind, "Internal");
    let internal = Ok(("Internal".to_owned(), String::new(), String::new()));
    assert_eq!(asked(&inside, Some(TOKEN), None).await, internal);
    assert_eq!(asked(&inside, Some(TOKEN), Some("nonsense")).await, Err(Code::InvalidArgument));
    // A role that this version does not know is none that it could rely on.
    let caller =
        br#"{"kind":"user","id":"u","account":"acme1","display":"u","account_role":"KING","namespaces":{}}"#;
    assert_eq!(asked(&inside, Some(TOKEN), Some(&STANDARD.encode(caller))).await, Err(Code::InvalidArgument));

    edge.shutdown().await;
    behind.shutdown().await;
    assert_eq!(asked(&inside, Some(TOKEN), None).await, Err(Code::Unavailable));
}
