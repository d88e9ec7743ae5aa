//! A month from its usage to its invoice.

use serde_json::Value;

use crate::support::cloud::Cloud;
use crate::support::{eventually, http, story};

#[test]
fn a_finished_month_becomes_one_invoice_that_says_how_it_was_reckoned() {
    let mut cloud = Cloud::start();
    let namespace = cloud.create_namespace("orders");
    story::play(&cloud, &namespace, &[]);
    let rows = story::usage_of_one_order(&cloud, &namespace);
    let month = rows[0]["hour"].as_str().expect("an hour")[..7].to_owned();

    let account = cloud.field("account_id").to_owned();
    let close = ["billing", "close", "--account", &account, "--month", &month];
    let refused = cloud.attempt(&close).expect_err("the month is not over");
    let end = format!("{}-01T00:00:00Z", following(&month));
    assert!(refused.contains(&format!("it ends at {end}")), "{refused}");
    let preview = cloud.json(&[&close[..], &["--preview"]].concat());
    assert_eq!(preview["status"], "INVOICE_STATUS_DRAFT", "{preview}");
    assert_eq!(cloud.json(&["invoice", "list"]), Value::Array(Vec::new()), "a preview leaves nothing");

    cloud.restart(&["--time-offset", "40d"]);
    let invoice: Value = eventually("the month's last hour", || {
        let printed = cloud.attempt(&[&close[..], &["-o", "json"]].concat())?;
        Ok(serde_json::from_str(&printed).expect("JSON"))
    });
    assert_eq!(invoice["usageUntil"], end, "{invoice}");
    assert_eq!(cloud.json(&close), invoice, "closing again gives the same invoice");
    let id = invoice["id"].as_str().expect("an id");
    assert_eq!(cloud.json(&["invoice", "show", id]), invoice);
    assert_eq!(cloud.json(&["invoice", "list"]).as_array().map(Vec::len), Some(1));

    let lines = invoice["lines"].as_array().expect("lines");
    let actions = lines.iter().find(|line| line["code"] == "actions").expect("a line for Actions");
    assert_eq!(actions["quantity"], story::total_actions().to_string(), "{invoice}");
    for field in ["quantity", "unitPrice", "amount"] {
        assert!(lines.iter().all(|line| line[field].is_string()), "each line names its {field}: {invoice}");
    }
    let amounts: Vec<&str> = lines.iter().map(|line| line["amount"].as_str().expect("an amount")).collect();
    let total = invoice["total"].as_str().expect("a total");
    assert_eq!(amounts.iter().map(|amount| nanos(amount)).sum::<i128>(), nanos(total), "{invoice}");

    let csv = cloud.text(&["invoice", "show", id, "--format", "csv"]);
    let mut csv = csv.lines();
    let header = csv.next().expect("a header");
    assert!(header.ends_with(",BilledCost"), "{header}");
    let billed: Vec<&str> = csv.map(|line| line.rsplit(',').next().expect("a last column")).collect();
    assert_eq!(billed, amounts, "one row for each charge");
    over_rest(&cloud, id, &invoice);
}

/// REST gives the same invoice, as JSON and as CSV.
fn over_rest(cloud: &Cloud, id: &str, invoice: &Value) {
    let (address, key) = (cloud.field("cloud_address"), cloud.field("api_key"));
    let path = format!("/billing/invoices/{id}");
    let (status, json) = http::call(address, "GET", &path, Some(key), None);
    assert_eq!((status, &json["invoice"]), (200, invoice));
    let (status, listed) = http::call(
        address,
        "GET",
        &format!("/billing/accounts/{}/invoices", cloud.field("account_id")),
        Some(key),
        None,
    );
    assert_eq!((status, listed["invoices"][0]["id"].as_str()), (200, Some(id)), "{listed}");

    let printed = cloud.text(&["invoice", "show", id, "--format", "csv"]);
    let (status, head, csv) = http::get_as(address, &path, key, "text/csv");
    assert_eq!((status, &csv), (200, &printed));
    assert!(head.to_ascii_lowercase().contains("content-type: text/csv"), "{head}");
    assert_eq!(http::get_as(address, &format!("{path}?format=csv"), key, "*/*").2, printed);

    let header: Vec<&str> = csv.lines().next().expect("a header").split(',').collect();
    let lines = invoice["lines"].as_array().expect("lines");
    assert_eq!(csv.lines().count(), 1 + lines.len());
    for (row, line) in csv.lines().skip(1).zip(lines) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells.len(), header.len(), "no text of this invoice has a comma: {row}");
        for (column, field) in
            [("ConsumedQuantity", "quantity"), ("ContractedUnitPrice", "unitPrice"), ("BilledCost", "amount")]
        {
            let index = header.iter().position(|name| *name == column).expect("a column");
            assert_eq!(cells[index], line[field], "{column} of {line}");
        }
    }

    assert_eq!(http::get_as(address, &path, key, "application/pdf").0, 406);
    assert_eq!(http::get_as(address, &format!("{path}?format=pdf"), key, "*/*").0, 400);
    assert_eq!(http::get_as(address, &path, "unknown.key", "text/csv").0, 401);
    let none = http::get_as(address, "/billing/invoices/inv-none-2026-01", key, "text/csv");
    assert!((400..500).contains(&none.0), "{none:?}");
    let other = cloud.json(&["account", "create", "other"]);
    let other = other["adminKey"]["token"].as_str().expect("a key");
    assert_eq!(http::get_as(address, &path, other, "text/csv").0, 403);
    assert_eq!(http::get_as(address, &path, other, "*/*").0, 403);
}

/// The month after one, as `YYYY-MM`.
fn following(month: &str) -> String {
    let (year, month) = month.split_once('-').expect("a month");
    let (year, month): (u32, u32) = (year.parse().expect("a year"), month.parse().expect("a month"));
    if month == 12 { format!("{}-01", year + 1) } else { format!("{year}-{:02}", month + 1) }
}

/// An exact amount in billionths.
fn nanos(amount: &str) -> i128 {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    assert!(fraction.len() <= 9, "{amount} is finer than the money that is reckoned with");
    format!("{whole}{fraction:0<9}").parse().expect("a number")
}
