//! Where a cell stores: flags, and what wins over what.

use std::path::PathBuf;

use atoll_postgres::PostgresOptions;
use atoll_secret::Secret;
use clap::Args;

use crate::cli::database_url::given;
use crate::config::CellConfig;
use crate::wiring::stores::Database;

/// Where a cell stores.
#[derive(Debug, Args)]
pub(in crate::cli::cell) struct DatabaseArgs {
    /// Its database: sqlite:PATH, postgres://USER:PASSWORD@HOST:PORT/DATABASE or memory:
    ///
    /// `ps` shows everybody on this machine what stands here: give a URL that holds a password by variable or file.
    // Not parsed by clap, which would print what it refuses.
    #[arg(long, value_name = "URL", env = "ATOLL_DATABASE_URL", hide_env_values = true)]
    database_url: Option<Secret>,
    /// File that holds the URL of its database
    #[arg(long, value_name = "PATH", conflicts_with = "database_url")]
    database_url_file: Option<PathBuf>,
    /// PostgreSQL database of the lists of a cell on PostgreSQL, instead of a file
    ///
    /// A database of its own: postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL", env = "ATOLL_VISIBILITY_DATABASE_URL", hide_env_values = true)]
    visibility_database_url: Option<Secret>,
    /// File that holds the URL of the database of the lists
    #[arg(long, value_name = "PATH", conflicts_with = "visibility_database_url")]
    visibility_database_url_file: Option<PathBuf>,
    /// Serve also where PostgreSQL may lose what it acknowledges (fsync off): for tests
    #[arg(long)]
    allow_unsafe_database: bool,
    /// Folder of what a cell on PostgreSQL keeps in files: its lists
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Changes the configuration as these flags say. A URL that no database can have is refused, and not told.
    pub(in crate::cli::cell) fn over(&self, config: &mut CellConfig) -> anyhow::Result<()> {
        let (url, file) = (self.database_url.as_ref(), self.database_url_file.as_deref());
        if let Some(url) = given("--database-url", url, file, |url| Database::parse(url).map(drop))? {
            config.database_url = url;
        }
        let (url, file) =
            (self.visibility_database_url.as_ref(), self.visibility_database_url_file.as_deref());
        let check = |url: &Secret| PostgresOptions::parse(url).map(drop);
        if let Some(url) = given("--visibility-database-url", url, file, check)? {
            config.visibility_database_url = Some(url);
        }
        config.allow_unsafe_database |= self.allow_unsafe_database;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::UsageError;

    fn args(url: Option<&str>, file: Option<&Path>) -> DatabaseArgs {
        DatabaseArgs {
            database_url: url.map(Secret::from),
            database_url_file: file.map(Path::to_owned),
            visibility_database_url: None,
            visibility_database_url_file: None,
            allow_unsafe_database: false,
            data: None,
        }
    }

    fn over(args: &DatabaseArgs) -> anyhow::Result<CellConfig> {
        let mut config = CellConfig { database_url: "sqlite:file.db".into(), ..CellConfig::default() };
        args.over(&mut config).map(|()| config)
    }

    #[test]
    fn flags_win_over_the_configuration_and_a_file_ends_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:hush@h/db\n").unwrap();
        for (args, expected) in [
            (args(None, None), "sqlite:file.db"),
            (args(Some("memory:"), None), "memory:"),
            (args(None, Some(&file)), "postgres://u:hush@h/db"),
        ] {
            assert_eq!(over(&args).unwrap().database_url.expose(), expected);
            assert!(!format!("{args:?}").contains("hush"));
        }
        let rest = DatabaseArgs { allow_unsafe_database: true, data: Some("d".into()), ..args(None, None) };
        let config = over(&rest).unwrap();
        assert!(config.allow_unsafe_database && config.data == Path::new("d"));
    }

    #[test]
    fn lists_have_a_url_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:hush@h/lists\n").unwrap();
        let by_flag = DatabaseArgs {
            visibility_database_url: Some("postgres://u:hush@h/lists".into()),
            ..args(None, None)
        };
        let by_file = DatabaseArgs { visibility_database_url_file: Some(file), ..args(None, None) };
        for args in [by_flag, by_file] {
            let config = over(&args).unwrap();
            assert_eq!(config.visibility_database_url.unwrap().expose(), "postgres://u:hush@h/lists");
            assert_eq!(config.database_url.expose(), "sqlite:file.db");
            assert!(!format!("{args:?}").contains("hush"));
        }
        let bad = DatabaseArgs { visibility_database_url: Some("sqlite:hush".into()), ..args(None, None) };
        let error = over(&bad).unwrap_err();
        let expected = "--visibility-database-url does not begin with postgres:// or postgresql://";
        assert!(error.is::<UsageError>());
        assert_eq!(format!("{error:#}"), expected);
    }

    #[test]
    fn what_is_no_url_is_refused_and_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let refused = |args: &DatabaseArgs| {
            let error = over(args).unwrap_err();
            let text = format!("{error:#} {error:?}");
            assert!(!text.contains("hush"), "{text}");
            (error.is::<UsageError>(), format!("{error:#}"))
        };
        let (is_usage, text) = refused(&args(Some("postgres://u:hush@h"), None));
        assert_eq!((is_usage, text.as_str()), (true, "--database-url has no database"));
        let in_file = format!("--database-url-file {}", file.display());
        assert!(refused(&args(None, Some(&file))).1.starts_with(&in_file));
        for (content, expected) in [
            ("", "is not a database"),
            ("postgres://u:hush@h", "has no database"),
            ("hush\nhush", "is not a database"),
            (&*"hush ".repeat(2_000), "holds more than 8192 bytes"),
        ] {
            std::fs::write(&file, content).unwrap();
            let (is_usage, text) = refused(&args(None, Some(&file)));
            assert!(!is_usage && text.starts_with(&format!("{in_file}: {expected}")), "{text}");
        }
    }
}
