//! How much each namespace may ask of a node.

mod bucket;

use crate::dynamic_config::DynamicConfig;
use crate::errors;
use arc_swap::ArcSwap;
use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::ResourceExhaustedCause;
use bucket::{Bucket, Rate};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;
use uuid::Uuid;

/// Call rates and concurrent long polls of all namespaces on this node.
///
/// A call costs a look-up and an atomic or two; memory is allocated only at a namespace's first call.
pub(crate) struct Quotas {
    started: Instant,
    calls: Rate,
    visibility: Rate,
    long_polls: usize,
    meters: ArcSwap<BTreeMap<Uuid, Arc<Meter>>>,
}

#[derive(Default)]
struct Meter {
    calls: Bucket,
    visibility: Bucket,
    long_polls: AtomicUsize,
}

impl Quotas {
    /// Quotas as configured.
    pub(crate) fn new(config: &DynamicConfig) -> Self {
        Self {
            started: Instant::now(),
            calls: Rate::new(config.namespace_rps, config.namespace_burst_ratio),
            visibility: Rate::new(config.namespace_visibility_rps, config.namespace_visibility_burst_ratio),
            long_polls: config.namespace_long_polls,
            meters: ArcSwap::default(),
        }
    }

    /// One more call.
    pub(crate) fn admit_call(&self, namespace: Uuid) -> Result<(), Status> {
        let now = self.now();
        if self.with_meter(namespace, |meter| meter.calls.take(self.calls, now)) {
            return Ok(());
        }
        Err(errors::quota("namespace rate limit exceeded", ResourceExhaustedCause::RpsLimit))
    }

    /// One more read of visibility.
    pub(crate) fn admit_visibility(&self, namespace: Uuid) -> Result<(), Status> {
        let now = self.now();
        if self.with_meter(namespace, |meter| meter.visibility.take(self.visibility, now)) {
            return Ok(());
        }
        Err(errors::quota("namespace rate limit exceeded", ResourceExhaustedCause::RpsLimit))
    }

    /// Room for one more long poll.
    pub(crate) fn long_poll(&self, namespace: Uuid) -> Result<LongPollPermit, Status> {
        let meter = self.meter(namespace);
        if meter.long_polls.fetch_add(1, Ordering::Relaxed) < self.long_polls {
            return Ok(LongPollPermit { meter });
        }
        meter.long_polls.fetch_sub(1, Ordering::Relaxed);
        Err(errors::quota(
            "namespace concurrent poller limit exceeded",
            ResourceExhaustedCause::ConcurrentLimit,
        ))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn with_meter<T>(&self, namespace: Uuid, use_it: impl FnOnce(&Meter) -> T) -> T {
        match self.meters.load().get(&namespace) {
            Some(meter) => use_it(meter),
            None => use_it(&self.add(namespace)),
        }
    }

    fn meter(&self, namespace: Uuid) -> Arc<Meter> {
        let known = self.meters.load().get(&namespace).cloned();
        known.unwrap_or_else(|| self.add(namespace))
    }

    /// A namespace's first call. Meters of removed namespaces stay: a few words each until the node restarts.
    fn add(&self, namespace: Uuid) -> Arc<Meter> {
        let fresh = Arc::<Meter>::default();
        self.meters.rcu(|meters| {
            let mut meters = BTreeMap::clone(meters);
            meters.entry(namespace).or_insert_with(|| Arc::clone(&fresh));
            meters
        });
        self.meters.load().get(&namespace).cloned().unwrap_or(fresh)
    }
}

/// A long poll's place; given back when dropped, also when the caller went away.
pub(crate) struct LongPollPermit {
    meter: Arc<Meter>,
}

impl Drop for LongPollPermit {
    fn drop(&mut self) {
        self.meter.long_polls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::call::Code;
    use atoll_api::temporal::api::errordetails::v1::ResourceExhaustedFailure;

    fn quotas(rps: u32, polls: usize) -> Quotas {
        let config = DynamicConfig {
            namespace_rps: f64::from(rps),
            namespace_burst_ratio: 1.0,
            namespace_long_polls: polls,
            ..DynamicConfig::default()
        };
        Quotas::new(&config)
    }

    #[test]
    fn a_used_up_rate_refuses_one_namespace_and_not_its_neighbour() {
        let quotas = quotas(3, 1);
        let (busy, idle) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let refused = (0..4).filter_map(|_| quotas.admit_call(busy).err()).next().expect("refused in time");
        assert_eq!(refused.code, Code::ResourceExhausted);
        let detail = refused.detail::<ResourceExhaustedFailure>().unwrap();
        assert_eq!((detail.cause(), detail.scope), (ResourceExhaustedCause::RpsLimit, 1));
        assert_eq!(quotas.admit_call(idle), Ok(()));
    }

    #[test]
    fn a_dropped_long_poll_gives_its_place_back() {
        let quotas = quotas(10, 2);
        let namespace = Uuid::from_u128(1);
        let first = quotas.long_poll(namespace).unwrap();
        let _second = quotas.long_poll(namespace).unwrap();
        let refused = quotas.long_poll(namespace).err().unwrap();
        let detail = refused.detail::<ResourceExhaustedFailure>().unwrap();
        assert_eq!(detail.cause(), ResourceExhaustedCause::ConcurrentLimit);
        drop(first);
        assert!(quotas.long_poll(namespace).is_ok());
    }
}
