//! What a simulated cell is made of.

use crate::calls::NAMESPACE;
use crate::seam::Seam;
use crate::simulation::{RETENTION, Site};
use crate::sinks::{WeatheredObjects, WeatheredVisibility};
use crate::store::WeatheredStore;
use crate::world::Weather;
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_rpc::SeededIds;
use cell_frontend::DynamicConfig;
use cell_node::{Access, Assembly, CellConfig, CellDeps, ProjectionConfig};
use cell_shard::ShardConfig;
use parking_lot::Mutex;
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;

/// Between two usage objects of a shard: to encode one is half of what a simulated minute costs.
const USAGE_INTERVAL: Duration = Duration::from_secs(300);

impl Site {
    /// Starts a cell over what is there; tries again where the store is away.
    pub(crate) async fn open(&self) -> Assembly {
        let (config, deps) = (self.config(), self.deps());
        loop {
            match Assembly::open(&config, &deps).await {
                Ok(cell) => return cell,
                Err(error) => {
                    self.world.note(format_args!("no start: {error}"));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn seam(&self, weather: &Arc<Mutex<Weather>>) -> Seam {
        Seam { world: self.world.clone(), weather: Arc::clone(weather) }
    }

    fn deps(&self) -> CellDeps {
        let world = &self.world;
        let store =
            WeatheredStore::new(self.disk.clone(), self.seam(&self.store_weather), self.damage.clone());
        // Ids of one cell never come again in another.
        let seed = world.draw(|random| random.random::<u64>());
        CellDeps {
            stores: store.stores(),
            visibility: Arc::new(WeatheredVisibility {
                inner: Arc::clone(&self.visibility),
                seam: self.seam(&self.visibility_weather),
            }),
            objects: Some(Arc::new(WeatheredObjects {
                inner: Arc::clone(&self.objects),
                seam: self.seam(&self.object_weather),
            })),
            clock: Arc::new(self.clock.clone()),
            ids: Arc::new(SeededIds::new(seed)),
            metrics: None,
        }
    }

    fn config(&self) -> CellConfig {
        let namespace = NamespaceSpec {
            name: NAMESPACE.to_owned(),
            retention: prost_types::Duration::try_from(RETENTION).ok(),
            account_id: "acct1".to_owned(),
            ..Default::default()
        };
        CellConfig {
            cell_id: "cell-s".to_owned(),
            region: "local".to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            admin: None,
            access: Access::Open,
            namespaces: vec![namespace],
            manages_namespaces: true,
            dynamic: Arc::new(DynamicConfig {
                namespace_rps: 1e9,
                namespace_visibility_rps: 1e9,
                ..DynamicConfig::default()
            }),
            usage_interval: USAGE_INTERVAL,
            projections: ProjectionConfig {
                visibility_spool_bytes: self.plan.spool_bytes,
                usage_spool_bytes: 4 * self.plan.spool_bytes,
                ..ProjectionConfig::default()
            },
            shards: ShardConfig {
                shard_count: 3,
                tail_bytes: self.plan.tail_bytes,
                side_row_bytes: self.plan.side_row_bytes,
                resident_entities: self.plan.resident_entities,
                ..ShardConfig::default()
            },
            memory_budget: self.plan.memory_budget,
            store_kind: "simulated",
            visibility_kind: "simulated",
            edge: atoll_rpc::EdgeConfig::default(),
            drain: Duration::from_secs(1),
        }
    }
}
