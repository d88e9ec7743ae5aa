use axum::routing::get;
use http::Request;
use http::header::ACCEPT;
use tower::ServiceExt;

use super::*;
use crate::service::tests::Client;

/// What REST gets to see of the query.
async fn rest_of(uri: Uri) -> String {
    format!("rest{}", uri.query().unwrap_or_default())
}

/// Calls a router whose REST answer is `rest`, as an admin of `acme1`.
async fn ask(
    client: &Client,
    method: Method,
    uri: &str,
    accept: &str,
) -> (StatusCode, Option<HeaderValue>, String) {
    let rest = Router::new().route("/billing/invoices/{id}", get(rest_of).delete(rest_of));
    let router = with_invoice_csv(rest, client.dispatcher.clone());
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header(ACCEPT, accept)
        .header("x-caller", "acme1")
        .header("x-owner", "1")
        .body(Body::empty())
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers.get(CONTENT_TYPE).cloned(), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_invoice_is_csv_by_header_or_query() {
    let client = Client::new().await;
    client.world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 20);
    client.close("acme1", "2026-01").await.unwrap();
    let (status, content_type, csv) =
        ask(&client, Method::GET, "/billing/invoices/inv-acme1-2026-01", "text/csv").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(content_type.unwrap(), "text/csv; charset=utf-8");
    let rows: Vec<_> = csv.lines().collect();
    assert_eq!(rows[0], COLUMNS.join(","));
    assert_eq!(
        rows[1],
        "inv-acme1-2026-01,ATOLL-ACME1-202601,finalized,acme1,Account acme1,USD,2026-01-01T00:00:00Z,\
         2026-02-01T00:00:00Z,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,,Actions,actions,Atoll,20,action,0.00002,\
         1 million Actions,1000000,50,0.001"
    );
    assert!(
        rows[3].contains(",Adjustment,,Rounding to 0.01 USD,rounding,") && rows[3].ends_with(",-0.0011"),
        "{csv}"
    );
    assert_eq!(rows.len(), 4);
    let by_query = ask(&client, Method::GET, "/billing/invoices/inv-acme1-2026-01?format=csv", "*/*").await;
    assert_eq!(by_query.2, csv);
}

#[tokio::test]
async fn everything_else_is_left_to_rest() {
    let client = Client::new().await;
    client.close("acme1", "2026-01").await.unwrap();
    let path = "/billing/invoices/inv-acme1-2026-01";
    for (method, uri, accept) in [
        (Method::GET, path, "application/json"),
        (Method::GET, path, "application/json, text/csv;q=0.5"),
        (Method::GET, path, "*/*"),
        (Method::DELETE, path, "text/csv"),
    ] {
        assert_eq!(ask(&client, method, uri, accept).await.2, "rest", "{uri} {accept}");
    }
}

/// One call, answered once: asking REST again might succeed, with JSON.
#[tokio::test]
async fn a_failed_call_is_not_repeated_and_answers_as_rest_does() {
    let client = Client::new().await;
    for (uri, status, code) in [
        ("/billing/invoices/inv-acme1-2025-12", StatusCode::NOT_FOUND, Code::NotFound),
        ("/billing/invoices/inv-other-2026-01", StatusCode::FORBIDDEN, Code::PermissionDenied),
        ("/billing/invoices/a%2Fb", StatusCode::BAD_REQUEST, Code::InvalidArgument),
        ("/billing/invoices/%ff", StatusCode::BAD_REQUEST, Code::InvalidArgument),
    ] {
        let (given, content_type, body) = ask(&client, Method::GET, uri, "text/csv").await;
        assert_eq!((given, content_type.unwrap().as_bytes()), (status, &b"application/json"[..]), "{uri}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["code"], code.number(), "{body}");
    }
}

#[test]
fn texts_cannot_pose_as_formulas_and_are_quoted() {
    let line = |amount: &str| pb::InvoiceLine {
        description: "@SUM(1)".to_owned(),
        amount: amount.to_owned(),
        ..Default::default()
    };
    for (name, cell) in [
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("\t=1", "'\t=1"),
        ("Acme, \"Inc\"", "\"Acme, \"\"Inc\"\"\""),
        ("a=b", "a=b"),
    ] {
        let invoice =
            pb::Invoice { account_name: name.to_owned(), lines: vec![line("-0.10")], ..Default::default() };
        let csv = write(&invoice).unwrap();
        let row = csv.split_once('\n').unwrap().1;
        assert!(row.contains(&format!(",{cell},")), "{row}");
        assert!(row.contains(",'@SUM(1),") && row.ends_with(",-0.10\n"), "{row}");
    }
}

#[tokio::test]
async fn a_format_that_invoices_do_not_have_is_refused() {
    let client = Client::new().await;
    let path = "/billing/invoices/inv-acme1-2026-01";
    for (uri, accept, expected) in [
        (path.to_owned(), "application/pdf", StatusCode::NOT_ACCEPTABLE),
        (format!("{path}?format=pdf"), "*/*", StatusCode::BAD_REQUEST),
    ] {
        let (status, content_type, body) = ask(&client, Method::GET, &uri, accept).await;
        assert_eq!((status, content_type.unwrap().as_bytes()), (expected, &b"application/json"[..]), "{uri}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["code"], 3, "{body}");
        assert!(body["message"].as_str().unwrap().contains("csv"), "{body}");
    }
}

#[tokio::test]
async fn rest_does_not_see_the_format() {
    let client = Client::new().await;
    assert_eq!(ask(&client, Method::GET, "/billing/invoices/none?format=json", "*/*").await.2, "rest");
    let uri = "/billing/invoices/none?pretty&format=json";
    assert_eq!(ask(&client, Method::GET, uri, "*/*").await.2, "restpretty");
}
