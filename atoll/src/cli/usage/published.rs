//! `GetUsage` as published: whole UTC days, three kinds of record.

use atoll_api::temporal::api::cloud::cloudservice::v1::{GetUsageRequest, cloud_service};
use atoll_api::temporal::api::cloud::usage::v1::{GroupByKey, Record, RecordType, RecordUnit, Summary};
use atoll_rpc::wire_time;
use jiff::SignedDuration;

use super::UsageArgs;
use crate::client::table::Table;
use crate::client::time::{day_of, shown};
use crate::client::{CloudClient, json};

pub(super) async fn run(args: UsageArgs) -> anyhow::Result<()> {
    let client = CloudClient::connect(&args.client.target, args.credential())?;
    let (start, end) = args.period(client.target())?;
    let end_day = day_of(end)?;
    let end = if end_day == end { end } else { end_day.checked_add(SignedDuration::from_hours(24))? };
    let mut request = GetUsageRequest {
        start_time_inclusive: Some(wire_time::from_instant(day_of(start)?)),
        end_time_exclusive: Some(wire_time::from_instant(end)),
        ..Default::default()
    };
    let mut summaries = Vec::new();
    loop {
        let page = client.call(cloud_service::GET_USAGE, &request).await?;
        summaries.extend(page.summaries);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    args.client.output.print(|| table(&summaries), || json::array(&summaries))
}

fn table(summaries: &[Summary]) -> Table {
    let mut table = Table::new(["DAY", "NAMESPACE", "RECORD", ">VALUE", "UNIT", "COMPLETE"]);
    for summary in summaries {
        for group in &summary.record_groups {
            let namespace = group.group_bys.iter().find(|by| by.key() == GroupByKey::Namespace);
            for record in &group.records {
                table.row([
                    shown(summary.start_time.as_ref()).chars().take(10).collect(),
                    namespace.map(|by| by.value.clone()).unwrap_or_default(),
                    kind(record).to_owned(),
                    format!("{}", record.value),
                    unit(record).to_owned(),
                    if summary.incomplete { "no" } else { "yes" }.to_owned(),
                ]);
            }
        }
    }
    table
}

fn kind(record: &Record) -> &'static str {
    match record.r#type() {
        RecordType::Actions => "actions",
        RecordType::ActiveStorage => "active storage",
        RecordType::RetainedStorage => "retained storage",
        RecordType::Unspecified => "",
    }
}

fn unit(record: &Record) -> &'static str {
    match record.unit() {
        RecordUnit::Number => "",
        RecordUnit::ByteSeconds => "byte-seconds",
        RecordUnit::Unspecified => "",
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::temporal::api::cloud::usage::v1::{GroupBy, RecordGroup};
    use prost_types::Timestamp;

    use super::*;

    #[test]
    fn one_row_per_record() {
        let record = |kind: RecordType, unit: RecordUnit, value| Record {
            r#type: kind as i32,
            unit: unit as i32,
            value,
        };
        let summary = Summary {
            start_time: Some(Timestamp { seconds: 86_400, nanos: 0 }),
            end_time: None,
            record_groups: vec![RecordGroup {
                group_bys: vec![GroupBy {
                    key: GroupByKey::Namespace as i32,
                    value: "orders.x1y2z".to_owned(),
                }],
                records: vec![
                    record(RecordType::Actions, RecordUnit::Number, 12.0),
                    record(RecordType::ActiveStorage, RecordUnit::ByteSeconds, 0.5),
                ],
            }],
            incomplete: true,
        };
        let text = table(&[summary]).to_string();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["1970-01-02", "orders.x1y2z", "actions", "12", "-", "no"]);
        assert_eq!(rows[2], ["1970-01-02", "orders.x1y2z", "active", "storage", "0.5", "byte-seconds", "no"]);
    }
}
