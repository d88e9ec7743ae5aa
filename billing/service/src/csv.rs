//! Invoices as CSV: one row per line, in the columns of FOCUS 1.2 where it has one (`x_` where it has not).
//!
//! [`with_invoice_csv`] stands in front of the REST routes and takes `GET /billing/invoices/{id}` with
//! `Accept: text/csv` or `?format=csv`. It makes the same call that REST makes, through the same interceptors, and only
//! writes the answer differently. A format that invoices do not have is refused.

mod negotiate;

use std::sync::Arc;

use atoll_api::call::{CallContext, Code, Protocol, Status};
use atoll_internal_api::billing::v1::{self as pb, billing_service};
use atoll_rpc::{Dispatcher, wire_time};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode, Uri};
use negotiate::Format;

const PATH_PREFIX: &str = "/billing/invoices/";

/// Columns of an invoice's CSV. The sum of `BilledCost` is the invoice's total.
pub const COLUMNS: [&str; 22] = [
    "InvoiceId",
    "x_InvoiceNumber",
    "x_InvoiceStatus",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "SkuId",
    "ServiceName",
    "ConsumedQuantity",
    "ConsumedUnit",
    "PricingQuantity",
    "PricingUnit",
    "x_PricingUnitSize",
    "ContractedUnitPrice",
    "BilledCost",
];

/// The REST router `rest`, with CSV in front of its invoices.
pub fn with_invoice_csv(rest: Router, dispatcher: Dispatcher) -> Router {
    rest.layer(from_fn_with_state(Arc::new(dispatcher), answer))
}

async fn answer(State(dispatcher): State<Arc<Dispatcher>>, mut request: Request, next: Next) -> Response {
    let Some(segment) = asked_for(request.method(), request.uri()) else { return next.run(request).await };
    let format = negotiate::format(request.uri().query().unwrap_or_default(), request.headers());
    *request.uri_mut() = without_format(request.uri());
    match format {
        Ok(Format::Csv) => {}
        Ok(Format::Json) => return next.run(request).await,
        Err((status, text)) => return refusal(status, &text),
    }
    let Some(invoice_id) = atoll_rpc::decode_path_segment(&segment) else {
        return refusal(StatusCode::BAD_REQUEST, "invoice_id: malformed percent-encoding");
    };
    let mut ctx = CallContext::new(billing_service::GET_INVOICE.info());
    ctx.headers = request.headers().clone();
    ctx.protocol = Protocol::Rest;
    let call = pb::GetInvoiceRequest { invoice_id: invoice_id.clone() };
    let answer = dispatcher.invoke(ctx, billing_service::GET_INVOICE, &call).await;
    match answer.and_then(|answer| write(&answer.invoice.unwrap_or_default())) {
        Ok(csv) => document(csv, &invoice_id),
        // Errors look as they do without CSV. The call is not made again: it may succeed then, and answer JSON.
        Err(status) => atoll_rpc::rest_failure(&status, dispatcher.descriptors()),
    }
}

/// The invoice that a request is about, as it stands in the path.
fn asked_for(method: &Method, uri: &Uri) -> Option<String> {
    let id = uri.path().strip_prefix(PATH_PREFIX)?;
    (method == Method::GET && !id.is_empty() && !id.contains('/')).then(|| id.to_owned())
}

/// What REST is asked: it takes parameters of a query for fields of the request.
fn without_format(uri: &Uri) -> Uri {
    let query = negotiate::without_format(uri.query().unwrap_or_default());
    let path = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path).ok().or(parts.path_and_query);
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// A refusal as REST writes them.
fn refusal(status: StatusCode, text: &str) -> Response {
    let body = serde_json::json!({ "code": Code::InvalidArgument.number(), "message": text, "details": [] });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn document(csv: String, invoice_id: &str) -> Response {
    let mut response = Response::new(Body::from(csv));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{invoice_id}.csv\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}

/// An invoice as CSV. INTERNAL when it cannot be written.
pub fn write(invoice: &pb::Invoice) -> Result<String, Status> {
    let failed =
        |error: &dyn std::fmt::Display| Status::internal(format!("invoice cannot be written: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| failed(&error))?;
    for line in &invoice.lines {
        writer.write_record(row(invoice, line)).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

fn row(invoice: &pb::Invoice, line: &pb::InvoiceLine) -> [String; 22] {
    let month = invoice.month.parse::<billing_core::month::Month>();
    let (start, end) = month
        .map_or_else(|_| Default::default(), |month| (month.start().to_string(), month.end().to_string()));
    let category = match line.kind.as_str() {
        "plan-fee" | "add-on" => "Purchase",
        "rounding" => "Adjustment",
        _ => "Usage",
    };
    let class = if line.corrects_month.is_empty() { "" } else { "Correction" };
    [
        invoice.id.clone(),
        invoice.number.clone(),
        status(invoice).to_owned(),
        invoice.account_id.clone(),
        guarded(&invoice.account_name),
        invoice.currency.clone(),
        start,
        end,
        instant(line.period_start),
        instant(line.period_end),
        category.to_owned(),
        class.to_owned(),
        guarded(&line.description),
        line.code.clone(),
        "Atoll".to_owned(),
        line.quantity.clone(),
        line.unit.clone(),
        line.pricing_quantity.clone(),
        line.pricing_unit.clone(),
        line.pricing_unit_size.clone(),
        line.unit_price.clone(),
        line.amount.clone(),
    ]
}

/// A text that people chose. Spreadsheets take a cell that begins like a formula for one and carry it out, hence the
/// apostrophe, by which they know text. Numbers are not touched: a minus is theirs.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn status(invoice: &pb::Invoice) -> &'static str {
    match invoice.status() {
        pb::InvoiceStatus::Unspecified => "",
        pb::InvoiceStatus::Draft => "draft",
        pb::InvoiceStatus::Finalized => "finalized",
        pb::InvoiceStatus::Paid => "paid",
        pb::InvoiceStatus::Void => "void",
    }
}

fn instant(at: Option<prost_types::Timestamp>) -> String {
    at.and_then(|at| wire_time::instant(&at).ok()).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
