//! Which call fails, and how.

use super::call::Call;
use super::gate::Gate;
use crate::error::StoreError;
use crate::types::{Append, Epoch, ShardId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What happens to one call.
#[derive(Debug)]
pub enum Fault {
    /// Nothing: it goes through.
    None,
    /// It fails and had no effect.
    Before(StoreError),
    /// It takes effect, and fails: an unknown outcome that was committed.
    After(StoreError),
    /// An append: the first so many shards' rows take effect, the rest does not, and it fails. Another call: `Before`.
    Partly(usize),
    /// An append: it is answered as accepted and nothing is written, as by a store that loses what it promised. Slices
    /// of that owner are answered with `WentBack` from then on. Another call: `Before`.
    Forget,
    /// An append: nothing of it is written, and each is answered with `WentBack`, as by a store that lost its end a
    /// moment ago. Another call: `Before`.
    WentBack,
    /// An append: it takes effect, and is answered with an outcome too few. Another call: `Before`.
    Short,
    /// It panics and had no effect.
    Panic,
    /// It waits at the gate before it does anything.
    HoldBefore(Gate),
    /// It takes effect and waits at the gate before it answers.
    HoldAfter(Gate),
}

/// How often calls fail on their own, as probabilities from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct FaultRates {
    /// Fails without effect.
    pub before: f64,
    /// Takes effect and fails.
    pub after: f64,
    /// An append takes effect for some of its shards and fails.
    pub partly: f64,
}

/// What is planned, and what has happened.
pub(super) struct Plan {
    scripted: BTreeMap<Call, VecDeque<Fault>>,
    rates: FaultRates,
    latencies: BTreeMap<Call, Duration>,
    unreadable_outbox: Option<ShardId>,
    failing_checkpoints: Option<ShardId>,
    /// Owners who lack what they were promised.
    forgotten: BTreeSet<(ShardId, Epoch)>,
    random: StdRng,
    calls: BTreeMap<Call, u64>,
    injected: u64,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Plan {
        Plan {
            scripted: BTreeMap::new(),
            rates: FaultRates::default(),
            latencies: BTreeMap::new(),
            unreadable_outbox: None,
            failing_checkpoints: None,
            forgotten: BTreeSet::new(),
            random: StdRng::seed_from_u64(seed),
            calls: BTreeMap::new(),
            injected: 0,
        }
    }

    pub(super) fn script(&mut self, call: Call, fault: Fault) {
        self.scripted.entry(call).or_default().push_back(fault);
    }

    pub(super) fn set_rates(&mut self, rates: FaultRates) {
        self.rates = rates;
    }

    pub(super) fn set_latency(&mut self, call: Call, latency: Duration) {
        self.latencies.insert(call, latency);
    }

    pub(super) fn fail_outbox_of(&mut self, shard: Option<ShardId>) {
        self.unreadable_outbox = shard;
    }

    /// Whether no page of this shard's outbox can be read.
    pub(super) fn fails_outbox_of(&self, shard: ShardId) -> bool {
        self.unreadable_outbox == Some(shard)
    }

    /// Appends were answered as accepted and not written.
    pub(super) fn forgot(&mut self, appends: &[Append]) {
        let owner = |append: &Append| Some((append.shard, append.rows.first()?.epoch));
        self.forgotten.extend(appends.iter().filter_map(owner));
    }

    /// Whether something that this owner was promised is gone.
    pub(super) fn forgets(&self, shard: ShardId, epoch: Epoch) -> bool {
        self.forgotten.contains(&(shard, epoch))
    }

    pub(super) fn fail_checkpoints_of(&mut self, shard: Option<ShardId>) {
        self.failing_checkpoints = shard;
    }

    /// Whether no slice of this shard's checkpoints can be written.
    pub(super) fn fails_checkpoints_of(&self, shard: ShardId) -> bool {
        self.failing_checkpoints == Some(shard)
    }

    /// How long a call of this kind takes.
    pub(super) fn latency(&self, call: Call) -> Duration {
        self.latencies.get(&call).copied().unwrap_or_default()
    }

    pub(super) fn calls(&self, call: Call) -> u64 {
        self.calls.get(&call).copied().unwrap_or(0)
    }

    pub(super) fn injected(&self) -> u64 {
        self.injected
    }

    /// The fault of a call that begins: the next of its script, else one by chance.
    pub(super) fn next(&mut self, call: Call, shards: usize) -> Fault {
        *self.calls.entry(call).or_default() += 1;
        let scripted = self.scripted.get_mut(&call).and_then(VecDeque::pop_front);
        let fault = scripted.unwrap_or_else(|| self.by_chance(shards));
        if matches!(
            fault,
            Fault::Before(_)
                | Fault::After(_)
                | Fault::Partly(_)
                | Fault::Forget
                | Fault::WentBack
                | Fault::Short
                | Fault::Panic
        ) {
            self.injected += 1;
        }
        fault
    }

    fn by_chance(&mut self, shards: usize) -> Fault {
        let FaultRates { before, after, partly } = self.rates;
        let drawn: f64 = self.random.random();
        if drawn < before {
            Fault::Before(injected())
        } else if drawn < before + after {
            Fault::After(injected())
        } else if drawn < before + after + partly && shards > 1 {
            Fault::Partly(self.random.random_range(1..shards))
        } else {
            Fault::None
        }
    }
}

pub(super) fn injected() -> StoreError {
    StoreError::Unavailable("injected fault".to_owned())
}
