//! Reading everything that a run needs, at one version of the usage.

use billing_core::invoice::ForcedClose;
use billing_core::line::Period;
use billing_core::month::Month;
use billing_core::rate_card::RateCard;
use billing_core::rating::AccountTerms;
use billing_core::usage::MeteredUsage;
use jiff::{Timestamp, Unit};

use super::{EarlierMonth, MonthActivities, MonthError, MonthRequest, RatingRun};
use crate::SYSTEM_ACCOUNT_ID;
use crate::usage_source::{Completeness, CubeVersion, UsageSourceError};

/// Times that usage is read again because it changed while it was being read: what is sealed changes only where it is
/// corrected, and what is open every few seconds.
const MAX_READS: u32 = 5;

/// Longest force reason, in bytes; it stands on the invoice.
pub(crate) const MAX_REASON_BYTES: usize = 500;

impl MonthActivities {
    /// The terms of an account that is invoiced.
    pub(super) async fn terms(&self, account_id: &str) -> Result<AccountTerms, MonthError> {
        let account_id = account_id.to_owned();
        if account_id == SYSTEM_ACCOUNT_ID {
            return Err(MonthError::NeverInvoiced { account_id });
        }
        match self.accounts.terms(&account_id).await? {
            Some(terms) => Ok(terms),
            None => Err(MonthError::UnknownAccount { account_id }),
        }
    }

    /// The card that prices the account's month.
    pub(super) fn card(&self, terms: &AccountTerms, month: Month) -> Result<&RateCard, MonthError> {
        self.catalog.in_force(&terms.rate_card_id, month).map_err(MonthError::unratable)
    }

    /// Whether the month may be closed: what to put on the invoice about missing hours, if it is forced. Changes
    /// nothing.
    pub async fn check(&self, request: &MonthRequest) -> Result<Option<ForcedClose>, MonthError> {
        let terms = self.terms(&request.account_id).await?;
        self.card(&terms, request.month)?;
        let (month, ends) = (request.month, request.month.end());
        if self.clock.now() < ends {
            return Err(MonthError::NotOver { month, ends });
        }
        let completeness = self.usage.completeness(month.into()).await?;
        forced(request, &completeness)
    }

    /// The run that closes the month. Errors as [`MonthActivities::check`] does.
    pub(super) async fn closing_run(&self, request: &MonthRequest) -> Result<RatingRun, MonthError> {
        let terms = self.terms(&request.account_id).await?;
        self.check(request).await?;
        let (run, completeness) = self.read_run(&terms, request.month, request.month.end()).await?;
        // As of what was read: metering may have lost since the check what its hours were complete by.
        Ok(RatingRun { forced: forced(request, &completeness)?, ..run })
    }

    /// The run of a draft up to the last complete hour.
    pub(super) async fn preview_run(&self, account_id: &str, month: Month) -> Result<RatingRun, MonthError> {
        let terms = self.terms(account_id).await?;
        let completeness = self.usage.completeness(month.into()).await?;
        let until = last_complete_hour(&completeness, month, self.clock.now())
            .ok_or(MonthError::NothingComplete { month })?;
        self.read_run(&terms, month, until).await.map(|(run, _)| run)
    }

    /// Reads usage until all of it is of one version, and as complete as that: metering has several processes, of which
    /// one may lack what another has, and each page may be another's.
    async fn read_run(
        &self,
        terms: &AccountTerms,
        month: Month,
        usage_until: Timestamp,
    ) -> Result<(RatingRun, Completeness), MonthError> {
        let rate_card = self.card(terms, month)?.reference.clone();
        let period = Period { start: month.start(), end: usage_until };
        let mut before = self.usage.completeness(period).await?;
        for _ in 0..MAX_READS {
            let read = self.read(&terms.account_id, month, period, &before.version).await?;
            let after = self.usage.completeness(period).await?;
            if let Some((usage, earlier)) = read.filter(|_| after == before) {
                let run = RatingRun {
                    terms: terms.clone(),
                    rate_card,
                    month,
                    usage_until,
                    cube_version: after.version.name.clone(),
                    usage,
                    earlier,
                    forced: None,
                };
                return Ok((run, after));
            }
            before = after;
        }
        Err(MonthError::Unavailable { problem: "usage kept changing while it was read".to_owned() })
    }

    /// The usage of a period and of the months that it may correct; none where it is not all of this version.
    async fn read(
        &self,
        account_id: &str,
        month: Month,
        period: Period,
        version: &CubeVersion,
    ) -> Result<Option<(MeteredUsage, Vec<EarlierMonth>)>, MonthError> {
        let usage = match self.usage.usage(account_id, period, version).await {
            Err(UsageSourceError::Changed) => return Ok(None),
            usage => usage?,
        };
        let earlier = self.earlier_months(account_id, month, version).await?;
        Ok(earlier.map(|earlier| (usage, earlier)))
    }

    async fn earlier_months(
        &self,
        account_id: &str,
        month: Month,
        version: &CubeVersion,
    ) -> Result<Option<Vec<EarlierMonth>>, MonthError> {
        let first = (0..self.correction_months).fold(month, |month, _| month.previous());
        let mut earlier = Vec::new();
        for issued in self.store.issued_months(account_id, first, month).await? {
            let run = self.store.run(&issued.run_id).await?.ok_or_else(|| MonthError::Internal {
                problem: format!("the rating run {} of an issued invoice is gone", issued.run_id),
            })?;
            let usage = match self.usage.usage(account_id, issued.month.into(), version).await {
                Err(UsageSourceError::Changed) => return Ok(None),
                usage => usage?,
            };
            earlier.push(EarlierMonth {
                month: issued.month,
                run_id: issued.run_id,
                terms: run.terms,
                rate_card: run.rate_card,
                invoiced: issued.lines,
                usage,
            });
        }
        Ok(Some(earlier))
    }
}

/// The end of the last hour of the month up to which everything is in. An hour that is not over is not complete,
/// whatever is known of it.
fn last_complete_hour(completeness: &Completeness, month: Month, now: Timestamp) -> Option<Timestamp> {
    let known = if completeness.complete { month.end() } else { completeness.complete_until? };
    let until = known.min(month.end()).min(now);
    let hour =
        until.round(jiff::TimestampRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Floor)).ok()?;
    (hour > month.start()).then_some(hour)
}

/// What to put on the invoice about usage that is missing, if the month is closed all the same: because the caller
/// forces it, or because operators of metering have given it up.
fn forced(request: &MonthRequest, completeness: &Completeness) -> Result<Option<ForcedClose>, MonthError> {
    let own_reason = match (&request.force_reason, completeness.complete) {
        (_, true) => None,
        (None, false) => {
            return Err(MonthError::Incomplete {
                month: request.month,
                missing: completeness.missing.clone(),
            });
        }
        (Some(reason), false) => Some(reason),
    };
    let exemptions = &completeness.exemptions;
    let mut reasons: Vec<&str> = own_reason.map(String::as_str).into_iter().collect();
    for exemption in exemptions {
        if !reasons.contains(&exemption.reason.as_str()) {
            reasons.push(&exemption.reason);
        }
    }
    if reasons.is_empty() {
        return Ok(None);
    }
    let missing = completeness.missing.iter().filter(|_| own_reason.is_some()).map(ToString::to_string);
    let missing = missing.chain(exemptions.iter().map(|exemption| exemption.what.clone())).collect();
    Ok(Some(ForcedClose { reason: reasons.join("; "), missing }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_end_at_a_whole_hour_within_the_month() {
        let month: Month = "2026-01".parse().unwrap();
        let last_at = |now: &str, complete, until: Option<&str>| {
            let completeness = Completeness {
                complete,
                missing: vec![],
                complete_until: until.map(|until| until.parse().unwrap()),
                exemptions: vec![],
                version: CubeVersion { until: month.end(), name: "1".to_owned() },
            };
            last_complete_hour(&completeness, month, now.parse().unwrap()).map(|hour| hour.to_string())
        };
        let last = |complete, until| last_at("2026-04-01T00:00:00Z", complete, until);
        let hour = |text: &str| Some(text.to_owned());
        assert_eq!(last(false, Some("2026-01-05T10:59:59Z")), hour("2026-01-05T10:00:00Z"));
        assert_eq!(last(false, Some("2026-03-01T00:00:00Z")), hour("2026-02-01T00:00:00Z"));
        assert_eq!(last(true, None), hour("2026-02-01T00:00:00Z"));
        assert_eq!(last(false, Some("2026-01-01T00:59:00Z")), None);
        assert_eq!(last(false, Some("2025-12-05T00:00:00Z")), None);
        assert_eq!(last(false, None), None);
        assert_eq!(last_at("2026-01-02T03:04:05Z", true, None), hour("2026-01-02T03:00:00Z"));
        assert_eq!(last_at("2025-12-31T23:59:59Z", true, None), None);
    }
}
