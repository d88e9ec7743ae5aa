mod by_hour;
mod published;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

pub(crate) use by_hour::own_account;

use super::{ClientArgs, UsageError};
use crate::client::target::{Credential, Target};
use crate::client::time::parse;

/// Days that are shown when nobody says from when.
const DEFAULT_DAYS: i64 = 30;

/// What an account has used: by day as published, or exactly by hour and kind of action.
#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// From this date or time in UTC; without this the last 30 days of the cloud's time
    #[arg(long, value_name = "TIME", value_parser = parse)]
    start: Option<Timestamp>,
    /// Up to, not including, this date or time in UTC; without this up to now
    #[arg(long, value_name = "TIME", value_parser = parse)]
    end: Option<Timestamp>,
    /// Exact quantities by hour, namespace and kind of action
    #[arg(long)]
    by_hour: bool,
    /// Only this namespace, NAME.ACCOUNT or its name in the account (with --by-hour)
    #[arg(long, requires = "by_hour")]
    namespace: Option<String>,
    /// The account (with --by-hour); without this the key's own
    #[arg(long, requires = "by_hour")]
    account: Option<String>,
    /// Ask as an operator of the cloud (with --by-hour)
    #[arg(long, requires = "by_hour")]
    as_operator: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl UsageArgs {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        if let (Some(start), Some(end)) = (self.start, self.end)
            && start >= end
        {
            return Err(UsageError::new("--start must be before --end").into());
        }
        if self.by_hour { by_hour::run(self).await } else { published::run(self).await }
    }

    fn credential(&self) -> Credential {
        if self.as_operator { Credential::Operator } else { Credential::Account }
    }

    /// From when to when. The cloud may live in another time than this machine, and says so.
    fn period(&self, target: &Target) -> anyhow::Result<(Timestamp, Timestamp)> {
        let end = match self.end {
            Some(end) => end,
            None => target.now()?.checked_add(SignedDuration::from_hours(1))?,
        };
        let start = match self.start {
            Some(start) => start,
            None => end.checked_sub(SignedDuration::from_hours(24 * DEFAULT_DAYS))?,
        };
        Ok((start, end))
    }
}
