//! Measures closing a month of a large account: reading its hours, rating them, issuing and booking.
//!
//! `cargo run --release -p billing --example close_month -- [NAMESPACES] [KINDS] [MONTHS] [DATABASE_URL]`
//!
//! Each namespace uses each of so many kinds in every hour. Months are closed one after the other, so that later ones
//! read up to three earlier ones again for corrections. Pages of usage are encoded and decoded, as over the wire;
//! making them is measured too. Without a URL the database is a file that goes with the run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_internal_api::usage::v1::{self as pb, UsageService};
use atoll_rpc::ManualClock;
use billing::accounts::{AccountDirectory, AccountsUnavailable, DirectoryEntry, PayAsYouGoAccounts};
use billing::month::{DraftRequest, MonthRequest, SnapshotOutcome};
use billing::usage_source::UsageServiceSource;
use billing::{Config, Database, Deps};
use billing_core::month::Month;
use prost::Message;

const VERSION: &str = "1";
const ACCOUNT: &str = "acme1";
const HOUR_SECONDS: i64 = 3_600;

/// An account whose namespaces use the same in every hour.
struct EveryHour {
    namespaces: usize,
    kinds: usize,
}

impl EveryHour {
    /// The row of this number of a period that begins at `start`: hour by hour, as metering lists them.
    fn row(&self, start: i64, number: usize) -> pb::UsageRow {
        let (hour, rest) = (number / (self.namespaces * self.kinds), number % (self.namespaces * self.kinds));
        let (namespace, kind) = (rest / self.kinds, rest % self.kinds);
        let seconds = start + hour as i64 * HOUR_SECONDS;
        let (name, action) = if kind == 0 {
            ("active_storage", String::new())
        } else {
            ("actions", format!("action_type_{kind}"))
        };
        pb::UsageRow {
            hour: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            account_id: ACCOUNT.to_owned(),
            namespace: format!("namespace-{namespace}.{ACCOUNT}"),
            namespace_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            tags: [("team".to_owned(), "orders".to_owned())].into(),
            kind: name.to_owned(),
            action_type: action,
            quantity: (number % 1_000 + 1).to_string(),
            ..Default::default()
        }
    }
}

#[async_trait]
impl UsageService for EveryHour {
    async fn list_usage(
        &self,
        _ctx: &CallContext,
        request: pb::ListUsageRequest,
    ) -> Result<pb::ListUsageResponse, Status> {
        let seconds = |time: Option<prost_types::Timestamp>| time.map_or(0, |time| time.seconds);
        let (start, end) = (seconds(request.start_time), seconds(request.end_time));
        let rows = ((end - start) / HOUR_SECONDS) as usize * self.namespaces * self.kinds;
        let from: usize = request.page_token.parse().unwrap_or(0);
        let to = rows.min(from + request.page_size as usize);
        let next_page_token = if to < rows { to.to_string() } else { String::new() };
        let page = pb::ListUsageResponse {
            rows: (from..to).map(|number| self.row(start, number)).collect(),
            next_page_token,
            cube_version: VERSION.to_owned(),
        };
        let wire = page.encode_to_vec();
        drop(page);
        pb::ListUsageResponse::decode(&wire[..]).map_err(|error| Status::internal(error.to_string()))
    }

    async fn get_completeness(
        &self,
        _ctx: &CallContext,
        request: pb::GetCompletenessRequest,
    ) -> Result<pb::GetCompletenessResponse, Status> {
        Ok(pb::GetCompletenessResponse {
            complete: true,
            complete_until: request.end_time,
            cube_version: VERSION.to_owned(),
            ..Default::default()
        })
    }
}

struct Everybody;

#[async_trait]
impl AccountDirectory for Everybody {
    async fn find(&self, _account_id: &str) -> Result<Option<DirectoryEntry>, AccountsUnavailable> {
        Ok(Some(DirectoryEntry { name: "Acme".to_owned() }))
    }
}

/// Most memory that this process had so far, in megabytes.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let fields: BTreeMap<_, _> = status.lines().filter_map(|line| line.split_once(':')).collect();
    let peak = fields.get("VmHWM").and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    peak.unwrap_or(0) / 1_000
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (namespaces, kinds, months) = (number(0, 10_000)?, number(1, 1)?, number(2, 1)?);
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("billing.db").display());
    let database = Database::parse(&arguments.get(3).unwrap_or(&file).as_str().into())?;
    let deps = Deps {
        clock: Arc::new(ManualClock::new("2030-01-01T00:00:00Z".parse()?)),
        usage: Arc::new(UsageServiceSource::new(Arc::new(EveryHour { namespaces, kinds }))),
        accounts: Arc::new(PayAsYouGoAccounts::new(Arc::new(Everybody))),
    };
    let billing = billing::build(&Config::new(database), deps).await?;
    let activities = billing.activities();
    println!("month    rows read  read s  draft s  issue s  peak MB");
    let mut month: Month = "2026-01".parse()?;
    for earlier in 0..months {
        let request = MonthRequest { account_id: ACCOUNT.to_owned(), month, force_reason: None };
        let begin = Instant::now();
        let SnapshotOutcome::Run { run_id } = activities.snapshot_usage(&request).await? else {
            return Err("the month is closed already: give an empty database".into());
        };
        let read = begin.elapsed();
        let draft = activities.write_draft(&DraftRequest { run_id }).await?;
        let drafted = begin.elapsed();
        activities.finalize(&draft).await?;
        let issued = begin.elapsed();
        let mut hours = usize::from(month.hours());
        let mut before = month;
        for _ in 0..earlier.min(3) {
            before = before.previous();
            hours += usize::from(before.hours());
        }
        println!(
            "{month}  {:>9}  {:>6.1}  {:>7.1}  {:>7.1}  {:>7}",
            hours * namespaces * kinds,
            read.as_secs_f64(),
            (drafted - read).as_secs_f64(),
            (issued - drafted).as_secs_f64(),
            peak_megabytes()
        );
        month = month.next();
    }
    billing.close().await;
    Ok(())
}
