//! Which call fails, and how.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A call of the trait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ObjectCall {
    /// `put`.
    Put,
    /// `put_if_absent`.
    PutIfAbsent,
    /// `get`.
    Get,
    /// `list`.
    List,
    /// `delete`.
    Delete,
}

/// What happens to one call.
#[derive(Clone, Debug)]
pub enum ObjectFault {
    /// Nothing: it goes through.
    None,
    /// It fails and had no effect.
    Before,
    /// It takes effect, and fails: the acknowledgement is lost.
    After,
    /// It panics and had no effect.
    Panic,
    /// It goes through after a while.
    Delay(Duration),
    /// A write: the first so many bytes become the object, and it fails. No engine should do this; disks do. Another
    /// call: `Before`.
    Torn(usize),
    /// It waits for a permit before it does anything.
    HoldBefore(Arc<Semaphore>),
    /// It takes effect and waits for a permit before it answers.
    HoldAfter(Arc<Semaphore>),
}

/// How often calls fail on their own, as probabilities from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ObjectFaultRates {
    /// Fails without effect.
    pub before: f64,
    /// Takes effect and fails.
    pub after: f64,
}

/// What is planned, and what has happened.
pub(super) struct Plan {
    pub(super) away: bool,
    pub(super) rates: ObjectFaultRates,
    scripted: BTreeMap<ObjectCall, VecDeque<ObjectFault>>,
    random: StdRng,
    calls: BTreeMap<ObjectCall, u64>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Plan {
        Plan {
            away: false,
            rates: ObjectFaultRates::default(),
            scripted: BTreeMap::new(),
            random: StdRng::seed_from_u64(seed),
            calls: BTreeMap::new(),
        }
    }

    pub(super) fn script(&mut self, call: ObjectCall, fault: ObjectFault) {
        self.scripted.entry(call).or_default().push_back(fault);
    }

    pub(super) fn calls(&self, call: ObjectCall) -> u64 {
        self.calls.get(&call).copied().unwrap_or(0)
    }

    /// The fault of a call that begins: that of a store that is away, else the next of its script, else one by chance.
    pub(super) fn next(&mut self, call: ObjectCall) -> ObjectFault {
        *self.calls.entry(call).or_default() += 1;
        if self.away {
            return ObjectFault::Before;
        }
        if let Some(fault) = self.scripted.get_mut(&call).and_then(VecDeque::pop_front) {
            return fault;
        }
        let drawn: f64 = self.random.random();
        if drawn < self.rates.before {
            ObjectFault::Before
        } else if drawn < self.rates.before + self.rates.after {
            ObjectFault::After
        } else {
            ObjectFault::None
        }
    }
}
