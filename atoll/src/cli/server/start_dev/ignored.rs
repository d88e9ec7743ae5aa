//! Flags of the original that have no meaning here yet: taken, and each named once.

use clap::Args;

/// Flags without effect.
#[derive(Debug, Default, Args)]
pub(super) struct IgnoredArgs {
    /// Port of the web UI (no web UI yet)
    #[arg(long)]
    ui_port: Option<u16>,
    /// Address of the web UI (no web UI yet)
    #[arg(long)]
    ui_ip: Option<String>,
    /// Assets of the web UI (no web UI yet)
    #[arg(long)]
    ui_asset_path: Option<String>,
    /// Codec endpoint of the web UI (no web UI yet)
    #[arg(long)]
    ui_codec_endpoint: Option<String>,
    /// Base path of the web UI (no web UI yet)
    #[arg(long)]
    ui_public_path: Option<String>,
    /// Port of the HTTP API, which is served on --port
    #[arg(long)]
    http_port: Option<u16>,
    /// Port of /metrics, which is served on --port
    #[arg(long)]
    metrics_port: Option<u16>,
    /// Output colours
    #[arg(long, value_parser = ["always", "never", "auto"])]
    color: Option<String>,
    /// Client connection time-out
    #[arg(long)]
    client_connect_timeout: Option<String>,
    /// Command time-out
    #[arg(long)]
    command_timeout: Option<String>,
    /// Client configuration file
    #[arg(long)]
    config_file: Option<String>,
    /// Client configuration from the environment
    #[arg(long)]
    disable_config_env: bool,
    /// Client configuration from files
    #[arg(long)]
    disable_config_file: bool,
    /// Client environment
    #[arg(long)]
    env: Option<String>,
    /// Client environment file
    #[arg(long)]
    env_file: Option<String>,
    /// Client profile
    #[arg(long)]
    profile: Option<String>,
    /// Raw payloads in output
    #[arg(long)]
    no_json_shorthand_payloads: bool,
    /// Output format
    #[arg(long, short = 'o', value_parser = ["text", "json", "jsonl", "none"])]
    output: Option<String>,
    /// Time format of output
    #[arg(long, value_parser = ["relative", "iso", "raw"])]
    time_format: Option<String>,
}

impl IgnoredArgs {
    /// One line per reason. `headless` asks for no web UI anyway.
    pub(super) fn warnings(&self, headless: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        let ui = [
            ("--ui-port", self.ui_port.is_some()),
            ("--ui-ip", self.ui_ip.is_some()),
            ("--ui-asset-path", self.ui_asset_path.is_some()),
            ("--ui-codec-endpoint", self.ui_codec_endpoint.is_some()),
            ("--ui-public-path", self.ui_public_path.is_some()),
        ];
        if !headless {
            warnings.extend(named(&ui, "there is no web UI yet"));
        }
        let port =
            [("--http-port", self.http_port.is_some()), ("--metrics-port", self.metrics_port.is_some())];
        warnings.extend(named(&port, "HTTP and /metrics are served on --port"));
        let client = [
            ("--color", self.color.is_some()),
            ("--client-connect-timeout", self.client_connect_timeout.is_some()),
            ("--command-timeout", self.command_timeout.is_some()),
            ("--config-file", self.config_file.is_some()),
            ("--disable-config-env", self.disable_config_env),
            ("--disable-config-file", self.disable_config_file),
            ("--env", self.env.is_some()),
            ("--env-file", self.env_file.is_some()),
            ("--profile", self.profile.is_some()),
            ("--no-json-shorthand-payloads", self.no_json_shorthand_payloads),
            ("--output", self.output.is_some()),
            ("--time-format", self.time_format.is_some()),
        ];
        warnings.extend(named(&client, "it does not concern the server"));
        warnings
    }
}

fn named(flags: &[(&str, bool)], reason: &str) -> Option<String> {
    let given: Vec<&str> = flags.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
    (!given.is_empty()).then(|| format!("{} ignored: {reason}", given.join(", ")))
}
