//! The URL of a database: behind a flag, in a variable, or in a file.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use atoll_database::Database;
use atoll_secret::Secret;
use clap::Args;

use super::UsageError;

/// Variables that hold URLs of databases, for whoever is started by hand. Those that a supervisor starts have a
/// configuration each.
pub(crate) const VARIABLES: [&str; 2] = ["ATOLL_DATABASE_URL", "ATOLL_VISIBILITY_DATABASE_URL"];

/// Bytes of a file that holds a URL, at most.
const LONGEST_URL: usize = 8 << 10;

/// Where a piece stores that has one database, a SQLite file or a PostgreSQL database.
#[derive(Debug, Default, Args)]
pub(super) struct DatabaseUrlArgs {
    /// Its database: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    ///
    /// `ps` shows everybody on this machine what stands here: give a URL that holds a password by variable or file.
    // Not parsed by clap, which would print what it refuses.
    #[arg(long, value_name = "URL", env = "ATOLL_DATABASE_URL", hide_env_values = true)]
    database_url: Option<Secret>,
    /// File that holds the URL of its database
    #[arg(long, value_name = "PATH", conflicts_with = "database_url")]
    database_url_file: Option<PathBuf>,
    /// Serve also where PostgreSQL may lose what it acknowledges (fsync off): for tests
    #[arg(long)]
    allow_unsafe_database: bool,
}

impl DatabaseUrlArgs {
    /// Changes a configuration's URL, and whether what may lose commits is used, as these flags say. A URL that no
    /// database can have is refused, and not told.
    pub(super) fn over(&self, url: &mut Option<Secret>, allow_unsafe: &mut bool) -> anyhow::Result<()> {
        let (flag, file) = (self.database_url.as_ref(), self.database_url_file.as_deref());
        if let Some(given) = given("--database-url", flag, file, |url| Database::parse(url).map(drop))? {
            *url = Some(given);
        }
        *allow_unsafe |= self.allow_unsafe_database;
        Ok(())
    }
}

/// The URL that stands behind a flag, or in the file that stands behind the one beside it. `check` refuses what no
/// database can have.
pub(super) fn given<E: Error + Send + Sync + 'static>(
    flag: &str,
    url: Option<&Secret>,
    file: Option<&Path>,
    check: impl Fn(&Secret) -> Result<(), E>,
) -> anyhow::Result<Option<Secret>> {
    if let Some(path) = file {
        let read = read_url(path).and_then(|url| check(&url).map(|()| url).map_err(Into::into));
        return read.map(Some).with_context(|| format!("{flag}-file {}", path.display()));
    }
    let Some(url) = url else { return Ok(None) };
    check(url).map_err(|error| UsageError::new(format!("{flag} {error}")))?;
    Ok(Some(url.clone()))
}

/// The URL in a file; the end of its line is not part of it.
fn read_url(path: &Path) -> anyhow::Result<Secret> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST_URL as u64 + 1).read_to_string(&mut text)?;
    if text.len() > LONGEST_URL {
        bail!("holds more than {LONGEST_URL} bytes, which is no URL");
    }
    Ok(Secret::from(text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(args: &DatabaseUrlArgs) -> anyhow::Result<(Option<Secret>, bool)> {
        let (mut url, mut allow_unsafe) = (Some("sqlite:file.db".into()), false);
        args.over(&mut url, &mut allow_unsafe)?;
        Ok((url, allow_unsafe))
    }

    #[test]
    fn flags_win_over_the_configuration_and_what_is_no_database_is_not_told() {
        assert_eq!(over(&DatabaseUrlArgs::default()).unwrap(), (Some("sqlite:file.db".into()), false));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:hush@h/db\n").unwrap();
        let by_file = DatabaseUrlArgs {
            database_url_file: Some(file),
            allow_unsafe_database: true,
            ..DatabaseUrlArgs::default()
        };
        assert_eq!(over(&by_file).unwrap(), (Some("postgres://u:hush@h/db".into()), true));
        let by_flag =
            |url: &str| DatabaseUrlArgs { database_url: Some(url.into()), ..DatabaseUrlArgs::default() };
        let given = by_flag("postgres://u:hush@h/db");
        assert_eq!(over(&given).unwrap().0, Some("postgres://u:hush@h/db".into()));
        assert!(!format!("{given:?}").contains("hush"));
        for (url, expected) in [
            ("postgres://u:hush@h", "--database-url has no database"),
            (
                "memory:hush",
                "--database-url is not a database: expected sqlite:PATH or \
                 postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            ),
        ] {
            let error = over(&by_flag(url)).unwrap_err();
            assert!(error.is::<UsageError>());
            assert_eq!(format!("{error:#}"), expected);
            assert!(!format!("{error:?}").contains("hush"));
        }
    }
}
