//! Which request fails, and how.

use http::{Method, Request};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// PutObject.
    Put,
    /// GetObject.
    Get,
    /// ListObjectsV2, and all else about a bucket.
    List,
    /// DeleteObject.
    Delete,
    /// CreateMultipartUpload.
    Begin,
    /// UploadPart.
    Part,
    /// CompleteMultipartUpload.
    Complete,
    /// AbortMultipartUpload.
    Abort,
}

impl Operation {
    /// Of requests with the bucket in the path.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let is_object = request.uri().path().trim_matches('/').contains('/');
        match *request.method() {
            Method::PUT if has("uploadId") => Self::Part,
            Method::PUT => Self::Put,
            Method::POST if has("uploads") => Self::Begin,
            Method::POST => Self::Complete,
            Method::DELETE if has("uploadId") => Self::Abort,
            Method::DELETE => Self::Delete,
            _ if is_object => Self::Get,
            _ => Self::List,
        }
    }

    /// Whether it changes what others see. Those take turns, as they do in a service that keeps its conditions.
    pub(crate) fn is_write(self) -> bool {
        matches!(self, Self::Put | Self::Delete | Self::Complete)
    }
}

/// What happens to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing: it is carried out.
    None,
    /// It is not carried out, and this is the answer: status and code.
    Answer(u16, &'static str),
    /// It is carried out, and this is the answer.
    AnswerAfter(u16, &'static str),
    /// It is not carried out; the connection breaks off, a part of its body read.
    CutRequest,
    /// It is carried out, and the connection breaks off without an answer.
    Lost,
    /// It is not carried out, and has no answer.
    Silent,
    /// It is carried out, and has no answer.
    SilentAfter,
    /// It is carried out; of the body of its answer the first half comes.
    CutAnswer,
    /// It is carried out; one byte of the body of its answer is another.
    Damaged,
    /// It is carried out without its condition.
    Unconditional,
}

/// How often requests beyond the script fail, as probabilities from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Rates {
    /// Refused as overloaded, without effect.
    pub refused: f64,
    /// The connection breaks off before anything was done.
    pub cut: f64,
    /// Carried out, and the answer is lost.
    pub lost: f64,
    /// Carried out, and the answer is that it was not (500).
    pub denied_after: f64,
    /// The answer's body breaks off.
    pub cut_answer: f64,
}

/// What is planned, and what has happened.
pub struct Faults(Mutex<Plan>);

struct Plan {
    scripted: BTreeMap<Operation, VecDeque<Fault>>,
    always: BTreeMap<Operation, Fault>,
    rates: Rates,
    random: StdRng,
    seen: BTreeMap<Operation, u64>,
}

impl Faults {
    pub(crate) fn none() -> Self {
        Self(Mutex::new(Plan {
            scripted: BTreeMap::new(),
            always: BTreeMap::new(),
            rates: Rates::default(),
            random: StdRng::seed_from_u64(0),
            seen: BTreeMap::new(),
        }))
    }

    /// Plans what happens to the next request of this kind that nothing is planned for yet. A client's own attempts are
    /// requests, too.
    pub fn script(&self, operation: Operation, faults: impl IntoIterator<Item = Fault>) {
        self.plan().scripted.entry(operation).or_default().extend(faults);
    }

    /// What happens to every request of this kind that nothing else is planned for.
    pub fn always(&self, operation: Operation, fault: Fault) {
        self.plan().always.insert(operation, fault);
    }

    /// Lets requests fail by chance.
    pub fn by_chance(&self, rates: Rates, seed: u64) {
        let mut plan = self.plan();
        plan.rates = rates;
        plan.random = StdRng::seed_from_u64(seed);
    }

    /// Forgets all that is planned.
    pub fn clear(&self) {
        let mut plan = self.plan();
        plan.scripted.clear();
        plan.always.clear();
        plan.rates = Rates::default();
    }

    /// How many requests of this kind have come.
    pub fn seen(&self, operation: Operation) -> u64 {
        self.plan().seen.get(&operation).copied().unwrap_or(0)
    }

    pub(crate) fn next(&self, operation: Operation) -> Fault {
        let mut plan = self.plan();
        *plan.seen.entry(operation).or_default() += 1;
        if let Some(fault) = plan.scripted.get_mut(&operation).and_then(VecDeque::pop_front) {
            return fault;
        }
        if let Some(fault) = plan.always.get(&operation) {
            return fault.clone();
        }
        plan.by_chance()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn by_chance(&mut self) -> Fault {
        let Rates { refused, cut, lost, denied_after, cut_answer } = self.rates;
        let mut drawn: f64 = self.random.random();
        for (rate, fault) in [
            (refused, Fault::Answer(503, "SlowDown")),
            (cut, Fault::CutRequest),
            (lost, Fault::Lost),
            (denied_after, Fault::AnswerAfter(500, "InternalError")),
            (cut_answer, Fault::CutAnswer),
        ] {
            if drawn < rate {
                return fault;
            }
            drawn -= rate;
        }
        Fault::None
    }
}
