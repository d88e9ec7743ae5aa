use std::net::Ipv4Addr;

use serde::de::DeserializeOwned;

use atoll_rpc::EdgeConfig;

use super::*;
use crate::serve::log::LogConfig;

fn text_of<T: Serialize>(config: &T) -> String {
    toml::to_string(config).unwrap()
}

/// Loads what a file with `text` holds.
fn load<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    atoll_rpc::config::load_from(Some(file.path()), "ATOLL_TEST", []).map_err(|error| error.to_string())
}

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(config: T) {
    let text = text_of(&config);
    assert_eq!(load::<T>(&text).as_ref(), Ok(&config), "{text}");
    let unknown = load::<T>(&format!("no_such_key = 1\n{text}")).unwrap_err();
    assert!(unknown.contains("no_such_key"), "{unknown}");
    let unknown = load::<T>(&format!("{text}\n[log2]\nlevel = \"info\"\n")).unwrap_err();
    assert!(unknown.contains("log2"), "{unknown}");
}

fn system_cell() -> SystemCellConfig {
    SystemCellConfig { address: "127.0.0.1:1".to_owned(), namespace: SYSTEM.to_owned() }
}

#[test]
fn what_is_written_is_read_back_and_unknown_keys_are_refused() {
    let listen = (Ipv4Addr::LOCALHOST, 1).into();
    let text = || "text".to_owned();
    round_trips(CellConfig {
        admin: Some(AdminConfig { listen, token: "text".into() }),
        auth: AuthMode::Keys,
        namespaces: vec![NamespaceConfig::named("orders")],
        checkpoint_log_bytes: Some(1 << 20),
        dynamic: [("frontend.rps".to_owned(), serde_json::json!(5))].into(),
        ..CellConfig::default()
    });
    round_trips(ControlPlaneConfig {
        listen,
        public_metrics: true,
        internal_listen: listen,
        database_url: Some("postgres://u@h/db".into()),
        allow_unsafe_database: true,
        region: text(),
        gateway_address: text(),
        operator_key: "text".into(),
        internal_token: "text".into(),
        metering: text(),
        billing: text(),
        time_offset: Some("40d".to_owned()),
        system_cell: system_cell(),
        drain_seconds: 1,
        log: LogConfig::default(),
        cells: vec![CellEntry {
            id: text(),
            frontend: text(),
            admin: text(),
            admin_token: "text".into(),
            capacity: 3,
        }],
    });
    round_trips(GatewayConfig {
        listen,
        public_metrics: true,
        control_plane: text(),
        internal_token: "text".into(),
        route_cache: "cache".into(),
        drain_seconds: 1,
        edge: EdgeConfig { trusted_peers: vec!["10.0.0.7".parse().unwrap()], ..Default::default() },
        log: LogConfig::default(),
    });
    round_trips(MeteringConfig {
        listen,
        database_url: Some("sqlite:db".into()),
        allow_unsafe_database: true,
        objects_url: Some("s3://usage/eu".into()),
        ingest_interval_seconds: 1,
        internal_token: "text".into(),
        cells: vec![text()],
        time_offset: Some("40d".to_owned()),
        drain_seconds: 1,
        log: LogConfig::default(),
    });
    round_trips(BillingConfig {
        listen,
        database_url: Some("sqlite:db".into()),
        allow_unsafe_database: true,
        rate_cards: None,
        metering: text(),
        control_plane: text(),
        internal_token: "text".into(),
        time_offset: None,
        system_cell: system_cell(),
        drain_seconds: 1,
        log: LogConfig::default(),
    });
}

#[test]
fn an_object_store_may_have_its_first_name() {
    let expected = CellConfig { objects_url: Some("objects".into()), ..CellConfig::default() };
    for name in ["objects", "objects_url"] {
        assert_eq!(load::<CellConfig>(&format!("{name} = \"objects\"")).as_ref(), Ok(&expected));
    }
}

#[test]
fn a_cell_needs_no_file() {
    assert_eq!(load::<CellConfig>(""), Ok(CellConfig::default()));
    assert!(load::<GatewayConfig>("").unwrap_err().contains("missing field"));
}

#[test]
fn a_gateway_shows_its_metrics_to_its_own_machine_only_unless_it_is_told_otherwise() {
    let required = "control_plane = \"h:1\"\ninternal_token = \"t\"\nroute_cache = \"c\"\n";
    for (listen, public, expected) in [
        ("127.0.0.1:1", "", true),
        ("[::1]:1", "", true),
        ("[::ffff:127.0.0.1]:1", "", true),
        ("0.0.0.0:1", "", false),
        ("10.0.0.1:1", "", false),
        ("[::]:1", "public_metrics = false", false),
        ("0.0.0.0:1", "public_metrics = true", true),
    ] {
        let config: GatewayConfig = load(&format!("listen = \"{listen}\"\n{public}\n{required}")).unwrap();
        assert_eq!(config.shows_metrics(), expected, "{listen} {public}");
    }
}
