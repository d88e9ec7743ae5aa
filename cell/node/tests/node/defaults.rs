//! Limits that are our own: literal here, so that nobody changes one without meaning to.

use atoll_rpc::ServerConfig;
use cell_engine::Limits;
use cell_matching::MatchingConfig;
use cell_shard::ShardConfig;
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn shards_have_these_limits() {
    let expected = ShardConfig {
        // Held to the original's in `edges`.
        limits: Limits::default(),
        shard_count: 8,
        node: "local".to_owned(),
        row_bytes: 262_144,
        side_row_bytes: 65_536,
        batch_bytes: 8_388_608,
        batch_age: seconds(5),
        tail_bytes: 16_777_216,
        node_tail_bytes: 67_108_864,
        slice_time: Duration::from_millis(5),
        slice_entities: 64,
        resident_entities: usize::MAX,
        closed_bytes: 8_388_608,
        wake_window: seconds(120),
        due_rows: 10_000,
        append_retry: Duration::from_millis(50),
        takeover_grace: seconds(10),
        retention_interval: seconds(30),
        retention_batch: 256,
    };
    assert_eq!(format!("{:#?}", ShardConfig::default()), format!("{expected:#?}"));
}

#[test]
fn matching_has_these_limits() {
    let expected = MatchingConfig {
        backlog_limit: 10_000,
        backlog_bytes: 67_108_864,
        backlog_refill_below: 5_000,
        namespace_partitions: 10_000,
        partition_bytes: 134_217_728,
        query_limit: 1_000,
        long_poll: seconds(60),
        deadline_margin: seconds(1),
        sticky_window: seconds(10),
        query_poller_window: seconds(20),
        poller_ttl: seconds(300),
        poller_history_limit: 1_000,
        poller_history_bytes: 262_144,
        namespace_pollers: 20_000,
        idle_unload: seconds(300),
        retired_ttl: seconds(70),
        namespace_retired: 1_000,
        sweep_interval: seconds(5),
    };
    assert_eq!(format!("{:#?}", MatchingConfig::default()), format!("{expected:#?}"));
}

#[test]
fn a_listener_has_these_limits() {
    let expected = ServerConfig {
        listen: "127.0.0.1:0".parse().expect("an address"),
        max_message_bytes: 4_194_304,
        max_bodies_bytes: 268_435_456,
        max_answers_bytes: 268_435_456,
        gzip_min_bytes: 16_384,
        max_connections: 20_000,
        max_streams_per_connection: 20_000,
        max_streams_per_stranger: 1_000,
        only_own_peers: false,
        trusted_peers: Vec::new(),
        header_timeout_seconds: 30,
        idle_seconds: 300,
        body_timeout_seconds: 60,
        answer_timeout_seconds: 60,
        keepalive_seconds: 60,
        keepalive_timeout_seconds: 20,
        drain_seconds: 10,
        reflection: true,
    };
    assert_eq!(ServerConfig::default(), expected);
}
