//! Stand-ins for billing's surroundings, for tests of the whole crate.

mod database;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use atoll_rpc::ManualClock;
use billing_core::line::Period;
use billing_core::month::Month;
use billing_core::rating::AccountTerms;
use billing_core::usage::{MeteredUsage, UsageKind, UsageRow};
use jiff::Timestamp;

use crate::accounts::{AccountSource, AccountsUnavailable};
use crate::month::{
    DraftRequest, MonthActivities, MonthError, MonthOutcome, MonthRequest, MonthRunner, SnapshotOutcome,
};
use crate::usage_source::{Completeness, CubeVersion, Exemption, MissingHour, UsageSource, UsageSourceError};
use crate::{Billing, Config, Deps, StartError, build};

pub(crate) use database::TestDatabase;

/// Usage that tests write, by hour.
#[derive(Default)]
pub(crate) struct FakeUsage {
    state: Mutex<UsageState>,
}

#[derive(Default)]
struct UsageState {
    rows: Vec<(String, Timestamp, UsageRow)>,
    missing: Vec<MissingHour>,
    exemptions: Vec<Exemption>,
    version: u64,
    fails: bool,
    /// Rows that come in while usage of their hour is being read, one a read.
    arriving: Vec<(String, Timestamp, UsageRow)>,
    /// Looks at completeness that still find hours missing, and the row that comes in with the last of them.
    completing: Option<(u32, (String, Timestamp, UsageRow))>,
    /// Looks at completeness that still find nothing missing, and the hour that is missing from the next one on.
    losing: Option<(u32, MissingHour)>,
    /// Starts of periods whose next read is answered by a process of metering that is behind.
    other_replicas: BTreeSet<Timestamp>,
}

impl UsageState {
    fn name(&self) -> String {
        format!("v{}", self.version)
    }
}

impl FakeUsage {
    /// Adds actions at an hour.
    pub(crate) fn add_actions(&self, account_id: &str, hour: &str, namespace: &str, quantity: u128) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        state.rows.push(actions(account_id, hour, namespace, quantity));
    }

    /// Lets actions come in during the next read of a period that has their hour.
    pub(crate) fn add_while_reading(&self, account_id: &str, hour: &str, namespace: &str, quantity: u128) {
        self.state.lock().unwrap().arriving.push(actions(account_id, hour, namespace, quantity));
    }

    /// Leaves exactly these shard hours missing.
    pub(crate) fn set_missing(&self, missing: &[(&str, u32, &str)]) {
        self.state.lock().unwrap().missing = missing
            .iter()
            .map(|(cell, shard, hour)| MissingHour {
                cell_id: (*cell).to_owned(),
                shard: *shard,
                hour: hour.parse().unwrap(),
            })
            .collect();
    }

    /// Has an operator of metering give usage up.
    pub(crate) fn give_up(&self, what: &str, reason: &str) {
        let exemption = Exemption { what: what.to_owned(), reason: reason.to_owned() };
        self.state.lock().unwrap().exemptions.push(exemption);
    }

    /// Lets actions come in, and what was missing with them, behind so many looks at completeness.
    pub(crate) fn complete_after(&self, looks: u32, account_id: &str, hour: &str, quantity: u128) {
        let row = actions(account_id, hour, &format!("orders.{account_id}"), quantity);
        self.state.lock().unwrap().completing = Some((looks, row));
    }

    /// Has metering lose an hour behind so many looks at completeness, as a failover does.
    pub(crate) fn lose_after(&self, looks: u32, hour: &str) {
        let missing = MissingHour { cell_id: "a".to_owned(), shard: 0, hour: hour.parse().unwrap() };
        self.state.lock().unwrap().losing = Some((looks, missing));
    }

    /// Has the next read of the period that begins then answered by a process of metering that is behind.
    pub(crate) fn answer_from_behind(&self, start: &str) {
        self.state.lock().unwrap().other_replicas.insert(start.parse().unwrap());
    }

    /// Whether each that was behind has answered.
    pub(crate) fn all_have_answered(&self) -> bool {
        self.state.lock().unwrap().other_replicas.is_empty()
    }

    /// Makes every call fail, or work again.
    pub(crate) fn set_failing(&self, fails: bool) {
        self.state.lock().unwrap().fails = fails;
    }
}

fn actions(account_id: &str, hour: &str, namespace: &str, quantity: u128) -> (String, Timestamp, UsageRow) {
    let kind = UsageKind::Action("start_workflow".to_owned());
    let row = UsageRow { namespace: namespace.to_owned(), kind, quantity };
    (account_id.to_owned(), hour.parse().unwrap(), row)
}

#[async_trait]
impl UsageSource for FakeUsage {
    async fn completeness(&self, period: Period) -> Result<Completeness, UsageSourceError> {
        let mut state = self.state.lock().unwrap();
        if state.fails {
            return Err(UsageSourceError::Unavailable("metering is away".to_owned()));
        }
        match state.completing.take() {
            Some((0, row)) => {
                state.rows.push(row);
                state.version += 1;
                state.missing.clear();
            }
            Some((looks, row)) => state.completing = Some((looks - 1, row)),
            None => {}
        }
        match state.losing.take() {
            Some((0, missing)) => state.missing.push(missing),
            Some((looks, missing)) => state.losing = Some((looks - 1, missing)),
            None => {}
        }
        let within = |hour: Timestamp| hour >= period.start && hour < period.end;
        let missing: Vec<_> = state.missing.iter().filter(|missing| within(missing.hour)).cloned().collect();
        let first = state.missing.iter().map(|missing| missing.hour).min();
        Ok(Completeness {
            complete: missing.is_empty(),
            missing,
            complete_until: Some(first.unwrap_or(Timestamp::MAX)),
            exemptions: state.exemptions.clone(),
            version: CubeVersion { until: period.end, name: state.name() },
        })
    }

    async fn usage(
        &self,
        account_id: &str,
        period: Period,
        version: &CubeVersion,
    ) -> Result<MeteredUsage, UsageSourceError> {
        assert!(period.end <= version.until);
        let mut state = self.state.lock().unwrap();
        if state.fails {
            return Err(UsageSourceError::Unavailable("metering is away".to_owned()));
        }
        let of_period = |(account, hour, _): &&(String, Timestamp, UsageRow)| {
            account == account_id && *hour >= period.start && *hour < period.end
        };
        let rows: Vec<_> = state.rows.iter().filter(of_period).map(|(_, _, row)| row.clone()).collect();
        if version.name != state.name() || state.other_replicas.remove(&period.start) {
            return Err(UsageSourceError::Changed);
        }
        if let Some(at) = state.arriving.iter().rposition(|row| of_period(&row)) {
            let row = state.arriving.remove(at);
            state.rows.push(row);
            state.version += 1;
        }
        MeteredUsage::from_rows(rows).map_err(|error| UsageSourceError::Malformed(error.to_string()))
    }
}

/// Accounts by id, with their plan.
#[derive(Default)]
pub(crate) struct FakeAccounts {
    plans: Mutex<BTreeMap<String, String>>,
}

impl FakeAccounts {
    /// Makes an account, or changes its plan.
    pub(crate) fn set(&self, account_id: &str, plan: &str) {
        self.plans.lock().unwrap().insert(account_id.to_owned(), plan.to_owned());
    }
}

#[async_trait]
impl AccountSource for FakeAccounts {
    async fn terms(&self, account_id: &str) -> Result<Option<AccountTerms>, AccountsUnavailable> {
        let plan = self.plans.lock().unwrap().get(account_id).cloned();
        Ok(plan.map(|plan_id| AccountTerms {
            account_id: account_id.to_owned(),
            account_name: format!("Account {account_id}"),
            rate_card_id: "pay-as-you-go".to_owned(),
            plan_id,
            add_ons: vec![],
            starts_on: None,
        }))
    }
}

/// Runs the activities one after the other, without a workflow.
pub(crate) struct DirectRunner(pub(crate) MonthActivities);

#[async_trait]
impl MonthRunner for DirectRunner {
    async fn run(&self, request: MonthRequest) -> Result<MonthOutcome, MonthError> {
        match self.0.snapshot_usage(&request).await? {
            SnapshotOutcome::AlreadyClosed(outcome) => Ok(outcome),
            SnapshotOutcome::Run { run_id } => {
                let draft = self.0.write_draft(&DraftRequest { run_id }).await?;
                self.0.finalize(&draft).await
            }
        }
    }
}

/// Billing with its surroundings. The clock stands at 2026-02-03; account `acme1` is on the Developer plan.
pub(crate) struct World {
    pub(crate) usage: Arc<FakeUsage>,
    pub(crate) accounts: Arc<FakeAccounts>,
    pub(crate) clock: ManualClock,
    pub(crate) billing: Billing,
    pub(crate) database: TestDatabase,
}

impl World {
    /// On a file.
    pub(crate) async fn new() -> Self {
        Self::on(TestDatabase::sqlite()).await
    }

    pub(crate) async fn on(database: TestDatabase) -> Self {
        let usage = Arc::new(FakeUsage::default());
        let accounts = Arc::new(FakeAccounts::default());
        accounts.set("acme1", "developer");
        accounts.set("system", "developer");
        let clock = ManualClock::new("2026-02-03T00:00:00Z".parse().unwrap());
        let billing = start(&database, &usage, &accounts, &clock).await.unwrap();
        Self { usage, accounts, clock, billing, database }
    }

    /// The same after a restart of the process.
    pub(crate) async fn restarted(self) -> Self {
        self.billing.close().await;
        let billing = self.another().await.unwrap();
        Self { billing, ..self }
    }

    /// Another process in the same surroundings.
    pub(crate) async fn another(&self) -> Result<Billing, StartError> {
        start(&self.database, &self.usage, &self.accounts, &self.clock).await
    }

    pub(crate) fn runner(&self) -> Arc<DirectRunner> {
        Arc::new(DirectRunner(self.billing.activities()))
    }

    /// Closes a month of `acme1`.
    pub(crate) async fn close(&self, month: &str) -> Result<MonthOutcome, MonthError> {
        self.runner().run(request(month)).await
    }
}

async fn start(
    database: &TestDatabase,
    usage: &Arc<FakeUsage>,
    accounts: &Arc<FakeAccounts>,
    clock: &ManualClock,
) -> Result<Billing, StartError> {
    let usage: Arc<dyn UsageSource> = Arc::<FakeUsage>::clone(usage);
    let accounts: Arc<dyn AccountSource> = Arc::<FakeAccounts>::clone(accounts);
    let deps = Deps { clock: Arc::new(clock.clone()), usage, accounts };
    build(&Config::new(database.database()), deps).await
}

/// A request to close a month of `acme1`.
pub(crate) fn request(month: &str) -> MonthRequest {
    MonthRequest {
        account_id: "acme1".to_owned(),
        month: month.parse::<Month>().unwrap(),
        force_reason: None,
    }
}
