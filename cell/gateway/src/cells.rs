use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

use atoll_rpc::RawClient;
use metrics::Counter;

/// How long a cell that did not answer is passed over where any cell will do.
const PASS_OVER: Duration = Duration::from_secs(1);

/// The cells of a table, with connections to them.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    by_id: BTreeMap<String, Arc<Cell>>,
}

/// One cell as the gateway reaches it.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) id: String,
    pub(crate) client: RawClient,
    /// Calls sent to it.
    pub(crate) forwarded: Counter,
    /// Calls that it did not answer.
    pub(crate) unavailable: Counter,
    /// Until when it is passed over, in milliseconds since `epoch`; 0 for not at all.
    passed_over_until: AtomicU64,
    epoch: Instant,
}

impl Cells {
    /// The cells at these addresses. One that was there before keeps its connections; an address that is none is left
    /// out.
    pub(crate) fn new(addresses: &BTreeMap<String, String>, connections: usize, before: &Self) -> Self {
        let mut by_id = BTreeMap::new();
        for (id, address) in addresses {
            let kept = before.by_id.get(id).filter(|cell| cell.client.address() == address);
            if let Some(cell) = kept {
                by_id.insert(id.clone(), Arc::clone(cell));
                continue;
            }
            match RawClient::with_connections(address, connections) {
                Ok(client) => {
                    by_id.insert(id.clone(), Arc::new(Cell::new(id, client)));
                }
                Err(error) => tracing::error!(cell = id, %error, "cell cannot be reached"),
            }
        }
        Self { by_id }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Cell>> {
        self.by_id.get(id)
    }

    /// All cells, those first that answered lately, then by id.
    pub(crate) fn by_preference(&self) -> Vec<&Arc<Cell>> {
        let mut cells: Vec<_> = self.by_id.values().collect();
        cells.sort_by_key(|cell| cell.is_passed_over());
        cells
    }
}

impl Cell {
    fn new(id: &str, client: RawClient) -> Self {
        Self {
            id: id.to_owned(),
            client,
            forwarded: metrics::counter!("gateway_forwarded_calls_total", "cell" => id.to_owned()),
            unavailable: metrics::counter!("gateway_unavailable_calls_total", "cell" => id.to_owned()),
            passed_over_until: AtomicU64::new(0),
            epoch: Instant::now(),
        }
    }

    /// The cell did not answer: where any cell will do, another one is asked for a while.
    pub(crate) fn pass_over(&self) {
        let until = self.epoch.elapsed() + PASS_OVER;
        self.passed_over_until.store(until.as_millis() as u64, Ordering::Relaxed);
    }

    fn is_passed_over(&self) -> bool {
        (self.epoch.elapsed().as_millis() as u64) < self.passed_over_until.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(id, address)| ((*id).to_owned(), (*address).to_owned())).collect()
    }

    #[test]
    fn a_cell_that_stays_keeps_its_connections() {
        let before =
            Cells::new(&addresses(&[("a", "h:1"), ("b", "h:2"), ("c", "h:3")]), 2, &Cells::default());
        let after = Cells::new(&addresses(&[("a", "h:1"), ("b", "h:9"), ("d", "nonsense")]), 2, &before);
        assert!(Arc::ptr_eq(after.get("a").unwrap(), before.get("a").unwrap()));
        assert_eq!(after.get("b").unwrap().client.address(), "h:9");
        assert!(after.get("c").is_none() && after.get("d").is_none());
    }

    #[test]
    fn a_cell_that_did_not_answer_is_asked_last() {
        let cells = Cells::new(&addresses(&[("a", "h:1"), ("b", "h:2")]), 1, &Cells::default());
        let order = || cells.by_preference().iter().map(|cell| cell.id.clone()).collect::<Vec<_>>();
        assert_eq!(order(), ["a", "b"]);
        cells.get("a").unwrap().pass_over();
        assert_eq!(order(), ["b", "a"]);
    }
}
