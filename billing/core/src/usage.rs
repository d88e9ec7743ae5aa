//! Metered quantities as billing takes them: integers by namespace and kind, in canonical order.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a rate card puts a price on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Billable actions, counted.
    Actions,
    /// Bytes of open workflow executions over time, in byte-milliseconds.
    ActiveStorage,
    /// Bytes of closed workflow executions over time, in byte-milliseconds.
    RetainedStorage,
}

impl Meter {
    /// Every meter, in the order of an invoice.
    pub const ALL: [Meter; 3] = [Meter::Actions, Meter::ActiveStorage, Meter::RetainedStorage];

    /// The name in line codes, postings and CSV.
    pub const fn code(self) -> &'static str {
        match self {
            Meter::Actions => "actions",
            Meter::ActiveStorage => "active-storage",
            Meter::RetainedStorage => "retained-storage",
        }
    }

    /// The name in line descriptions.
    pub const fn title(self) -> &'static str {
        match self {
            Meter::Actions => "Actions",
            Meter::ActiveStorage => "Active Storage",
            Meter::RetainedStorage => "Retained Storage",
        }
    }

    /// The integer unit in which its quantities are held.
    pub const fn base_unit(self) -> &'static str {
        match self {
            Meter::Actions => "action",
            Meter::ActiveStorage | Meter::RetainedStorage => "byte-millisecond",
        }
    }
}

/// What was metered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageKind {
    /// Actions of one type, by the type's metric name (`start_workflow`). Types share a price and are kept apart so
    /// that an invoice can be read against the usage interface.
    Action(String),
    /// Active storage.
    ActiveStorage,
    /// Retained storage.
    RetainedStorage,
}

impl UsageKind {
    /// The meter that prices this kind.
    pub const fn meter(&self) -> Meter {
        match self {
            UsageKind::Action(_) => Meter::Actions,
            UsageKind::ActiveStorage => Meter::ActiveStorage,
            UsageKind::RetainedStorage => Meter::RetainedStorage,
        }
    }
}

impl fmt::Display for UsageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsageKind::Action(action_type) => f.write_str(action_type),
            other => f.write_str(other.meter().code()),
        }
    }
}

/// One metered quantity of a month.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UsageRow {
    /// The namespace that is billed.
    pub namespace: String,
    /// What was metered.
    pub kind: UsageKind,
    /// How much, in the meter's base unit.
    #[serde(with = "crate::integer_text")]
    pub quantity: u128,
}

/// Usage that cannot be billed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageError {
    /// More than an invoice line can state.
    #[error("the account's {} exceed what an invoice can state (2^127 - 1)", .0.title())]
    TooMuch(Meter),
}

/// A month's metered quantities of one account: rows of the same namespace and kind are added, zero rows vanish, and
/// the order in which rows arrive leaves no trace. Each meter's sum fits in an `i128`, as invoice lines need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<UsageRow>", into = "Vec<UsageRow>")]
pub struct MeteredUsage {
    quantities: BTreeMap<(String, UsageKind), u128>,
    totals: BTreeMap<Meter, u128>,
}

impl MeteredUsage {
    /// Usage from rows in any order. Errors when a meter's sum does not fit.
    pub fn from_rows(rows: impl IntoIterator<Item = UsageRow>) -> Result<Self, UsageError> {
        let mut usage = Self::default();
        for row in rows {
            usage.add(row)?;
        }
        Ok(usage)
    }

    /// Adds a row. Errors, changing nothing, when its meter's sum would not fit.
    pub fn add(&mut self, row: UsageRow) -> Result<(), UsageError> {
        if row.quantity == 0 {
            return Ok(());
        }
        let meter = row.kind.meter();
        let total = self
            .total(meter)
            .checked_add(row.quantity)
            .filter(|total| i128::try_from(*total).is_ok())
            .ok_or(UsageError::TooMuch(meter))?;
        self.totals.insert(meter, total);
        *self.quantities.entry((row.namespace, row.kind)).or_default() += row.quantity;
        Ok(())
    }

    /// Every non-zero quantity, by namespace and kind.
    pub fn rows(&self) -> impl Iterator<Item = UsageRow> + '_ {
        self.quantities.iter().map(|((namespace, kind), quantity)| UsageRow {
            namespace: namespace.clone(),
            kind: kind.clone(),
            quantity: *quantity,
        })
    }

    /// The account's quantity of a meter, in its base unit; at most `i128::MAX`.
    pub fn total(&self, meter: Meter) -> u128 {
        self.totals.get(&meter).copied().unwrap_or(0)
    }

    /// Each namespace's quantity of a meter, by name; namespaces without any are left out.
    pub fn by_namespace(&self, meter: Meter) -> BTreeMap<&str, u128> {
        let mut sums = BTreeMap::new();
        for ((namespace, kind), quantity) in &self.quantities {
            if kind.meter() == meter {
                *sums.entry(namespace.as_str()).or_default() += quantity;
            }
        }
        sums
    }
}

impl TryFrom<Vec<UsageRow>> for MeteredUsage {
    type Error = UsageError;

    fn try_from(rows: Vec<UsageRow>) -> Result<Self, UsageError> {
        Self::from_rows(rows)
    }
}

impl From<MeteredUsage> for Vec<UsageRow> {
    fn from(usage: MeteredUsage) -> Self {
        usage.rows().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(namespace: &str, kind: UsageKind, quantity: u128) -> UsageRow {
        UsageRow { namespace: namespace.to_owned(), kind, quantity }
    }

    #[test]
    fn every_meter_is_listed_in_the_order_of_an_invoice() {
        // Where the compiler asks for a new meter here, it belongs in `ALL`, too.
        let next = |meter: &Meter| match meter {
            Meter::Actions => Some(Meter::ActiveStorage),
            Meter::ActiveStorage => Some(Meter::RetainedStorage),
            Meter::RetainedStorage => None,
        };
        let all: Vec<_> = std::iter::successors(Some(Meter::Actions), next).collect();
        assert_eq!(all, Meter::ALL);
    }

    #[test]
    fn rows_add_up_in_any_order() {
        let timer = || UsageKind::Action("start_timer".to_owned());
        let start = || UsageKind::Action("start_workflow".to_owned());
        let rows = vec![
            row("b", timer(), 2),
            row("a", start(), 3),
            row("b", timer(), 5),
            row("a", UsageKind::ActiveStorage, 7),
            row("a", UsageKind::RetainedStorage, 0),
        ];
        let usage = MeteredUsage::from_rows(rows.clone()).unwrap();
        assert_eq!(usage, MeteredUsage::from_rows(rows.into_iter().rev()).unwrap());
        assert_eq!(usage.total(Meter::Actions), 10);
        assert_eq!(usage.by_namespace(Meter::Actions), BTreeMap::from([("a", 3), ("b", 7)]));
        assert_eq!(usage.rows().count(), 3, "zero rows leave no trace");
        let json = serde_json::to_string(&usage).unwrap();
        assert!(
            json.contains(r#"{"namespace":"b","kind":{"action":"start_timer"},"quantity":"7"}"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<MeteredUsage>(&json).unwrap(), usage);
    }

    #[test]
    fn refuses_more_than_a_line_can_state() {
        let mut usage =
            MeteredUsage::from_rows([row("a", UsageKind::ActiveStorage, i128::MAX as u128)]).unwrap();
        let before = usage.clone();
        assert_eq!(
            usage.add(row("b", UsageKind::ActiveStorage, 1)),
            Err(UsageError::TooMuch(Meter::ActiveStorage))
        );
        assert_eq!(usage, before);
    }
}
