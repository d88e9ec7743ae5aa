use clap::Args;
use control_plane::Database;

use crate::cli::database_url::DatabaseUrlArgs;
use crate::config::ControlPlaneConfig;
use crate::serve::ServeArgs;
use crate::{serve, wiring};

/// Runs the control plane. Flags win over the configuration file.
#[derive(Debug, Args)]
pub(crate) struct ControlPlaneServeArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    database: DatabaseUrlArgs,
}

impl ControlPlaneServeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.over(self.serve.load("ATOLL_CONTROL_PLANE")?)?;
        config.log.init()?;
        serve::block_on(|life| wiring::control_plane::serve(config, life), self.serve.supervisor)
    }

    /// The configuration with these flags. A URL that no database can have is refused, and not told.
    fn over(&self, mut config: ControlPlaneConfig) -> anyhow::Result<ControlPlaneConfig> {
        if let Some(url) = self.database.url(|url| Database::parse(url).map(drop))? {
            config.database_url = Some(url);
        }
        config.allow_unsafe_database |= self.database.allow_unsafe_database;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::UsageError;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ControlPlaneServeArgs,
    }

    fn over(arguments: &[&str]) -> anyhow::Result<ControlPlaneConfig> {
        let file = "listen = \"127.0.0.1:0\"\ninternal_listen = \"127.0.0.1:0\"\nregion = \"r\"\n\
                    gateway_address = \"g\"\noperator_key = \"k\"\ninternal_token = \"t\"\nmetering = \"m\"\n\
                    billing = \"b\"\ndatabase_url = \"sqlite:file.db\"\nsystem_cell = { address = \"a\" }\ncells = []\n";
        let config = toml::from_str(file).unwrap();
        Line::try_parse_from([&["control-plane"], arguments].concat()).unwrap().args.over(config)
    }

    #[test]
    fn flags_win_over_the_file_and_no_url_is_told() {
        let url = |arguments: &[&str]| over(arguments).unwrap().database_url.unwrap().expose().to_owned();
        assert_eq!(url(&[]), "sqlite:file.db");
        assert_eq!(url(&["--database-url", "postgres://u:hush@h/db"]), "postgres://u:hush@h/db");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:hush@h/db\n").unwrap();
        assert_eq!(url(&["--database-url-file", file.to_str().unwrap()]), "postgres://u:hush@h/db");
        let config = over(&["--database-url", "postgres://u:hush@h/db", "--allow-unsafe-database"]).unwrap();
        assert!(config.allow_unsafe_database && !format!("{config:?}").contains("hush"));
        for (given, expected) in [
            ("postgres://u:hush@h", "--database-url has no database"),
            (
                "memory:hush",
                "--database-url is not a database: expected sqlite:PATH or \
                 postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            ),
        ] {
            let error = over(&["--database-url", given]).unwrap_err();
            assert!(error.is::<UsageError>());
            assert_eq!(format!("{error:#}"), expected);
        }
    }
}
