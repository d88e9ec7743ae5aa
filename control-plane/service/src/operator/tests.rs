use atoll_api::call::Code;
use atoll_internal_api::operator::v1::{
    CellState, CreateAccountKeyRequest, CreateAccountRequest, DrainCellRequest, ListAccountsRequest,
    ListAuditRecordsRequest, ListCellsRequest, UndrainCellRequest, operator_service as operator,
};

use crate::test_support::{OPERATOR_KEY, TestCloud};

#[tokio::test]
async fn accounts_have_ids_of_their_own_and_unique_names() {
    let test = TestCloud::new(&["a"]).await;
    let first = test.account("acme").await;
    let second = test.account("globex").await;
    assert_ne!(first.id, second.id);
    assert_eq!(first.id.len(), 5);
    let again = CreateAccountRequest { name: "acme".to_owned(), ..Default::default() };
    let status = test.call(OPERATOR_KEY, operator::CREATE_ACCOUNT, &again).await.unwrap_err();
    assert_eq!(status.code, Code::AlreadyExists);
    for name in ["", "system", &"x".repeat(65), "a\nb"] {
        let request = CreateAccountRequest { name: name.to_owned(), ..Default::default() };
        let status = test.call(OPERATOR_KEY, operator::CREATE_ACCOUNT, &request).await.unwrap_err();
        assert_eq!(status.code, Code::InvalidArgument, "{name:?}");
    }
    let mut listed = Vec::new();
    let mut request = ListAccountsRequest { page_size: 1, ..Default::default() };
    loop {
        let page = test.call(OPERATOR_KEY, operator::LIST_ACCOUNTS, &request).await.unwrap();
        listed.extend(page.accounts.into_iter().map(|account| account.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let mut expected = vec![first.id, second.id];
    expected.sort();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_lost_key_is_replaced_by_the_operator() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let request =
        CreateAccountKeyRequest { account_id: account.id.clone(), display_name: "second".to_owned() };
    let key = test.call(OPERATOR_KEY, operator::CREATE_ACCOUNT_KEY, &request).await.unwrap().key.unwrap();
    assert!(test.create(&key.token, "orders").await.is_ok());
    let request = CreateAccountKeyRequest { account_id: "zzzzz".to_owned(), ..Default::default() };
    let status = test.call(OPERATOR_KEY, operator::CREATE_ACCOUNT_KEY, &request).await.unwrap_err();
    assert_eq!(status.code, Code::NotFound);
    test.reconciler.run_once().await.unwrap();
    assert_eq!(test.cells.get("a").keys.len(), 2);
}

#[tokio::test]
async fn a_draining_cell_serves_and_takes_nothing_new() {
    let test = TestCloud::new(&["a", "b"]).await;
    let account = test.account("acme").await;
    test.create(&account.token, "one").await.unwrap();
    test.carry_out().await;
    let drain = DrainCellRequest { cell_id: "b".to_owned() };
    let cell = test.call(OPERATOR_KEY, operator::DRAIN_CELL, &drain).await.unwrap().cell.unwrap();
    assert_eq!(cell.state(), CellState::Draining);
    test.create(&account.token, "two").await.unwrap();
    test.carry_out().await;
    assert_eq!((test.cells.held("a").len(), test.cells.held("b").len()), (2, 0));
    let undrain = UndrainCellRequest { cell_id: "b".to_owned() };
    test.call(OPERATOR_KEY, operator::UNDRAIN_CELL, &undrain).await.unwrap();
    test.create(&account.token, "three").await.unwrap();
    test.carry_out().await;
    let cells = test.call(OPERATOR_KEY, operator::LIST_CELLS, &ListCellsRequest {}).await.unwrap().cells;
    let seen: Vec<_> = cells.iter().map(|cell| (cell.id.as_str(), cell.namespaces, cell.state())).collect();
    assert_eq!(seen, [("a", 2, CellState::Healthy), ("b", 1, CellState::Healthy)]);
    let unknown = DrainCellRequest { cell_id: "z".to_owned() };
    let status = test.call(OPERATOR_KEY, operator::DRAIN_CELL, &unknown).await.unwrap_err();
    assert_eq!(status.code, Code::NotFound);
}

#[tokio::test]
async fn every_change_is_audited_and_failed_calls_are_not() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    test.account("globex").await;
    test.create(&account.token, "orders").await.unwrap();
    test.create(&account.token, "orders").await.unwrap_err();
    let records = async |account_id: &str| {
        let request = ListAuditRecordsRequest { account_id: account_id.to_owned(), ..Default::default() };
        test.call(OPERATOR_KEY, operator::LIST_AUDIT_RECORDS, &request).await.unwrap().records
    };
    let of_account = records(&account.id).await;
    let seen: Vec<_> =
        of_account.iter().map(|r| (r.action.as_str(), r.actor.as_str(), r.resource.as_str())).collect();
    let (actor, resource) =
        (format!("user:{}", account.owner_id), format!("namespace/orders.{}", account.id));
    let made = format!("account/{}", account.id);
    assert_eq!(
        seen,
        [
            ("CreateNamespace", actor.as_str(), resource.as_str()),
            ("CreateAccount", "operator", made.as_str())
        ]
    );
    assert!(!of_account[0].key_id.is_empty() && !of_account[0].async_operation_id.is_empty());
    assert_eq!(records("").await.len(), 3);
}
