//! Where a piece stores that has one database: flags, and what wins over what.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use atoll_secret::Secret;
use clap::Args;

use super::UsageError;

/// Bytes of a file that holds a URL, at most.
const LONGEST_URL: usize = 8 << 10;

/// Where a piece with one database stores.
#[derive(Debug, Default, Args)]
pub(super) struct DatabaseArgs {
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

impl DatabaseArgs {
    /// Changes a configuration's URL, and whether what may lose commits is used, as these flags say. A URL that `check`
    /// refuses is refused, and not told.
    pub(super) fn over<E: Error + Send + Sync + 'static>(
        &self,
        url: &mut Option<Secret>,
        allow_unsafe: &mut bool,
        check: impl Fn(&Secret) -> Result<(), E>,
    ) -> anyhow::Result<()> {
        let (flag, file) = (self.database_url.as_ref(), self.database_url_file.as_deref());
        if let Some(given) = given("--database-url", flag, file, check)? {
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
    use metering::Database;

    use super::*;

    fn over(args: &DatabaseArgs) -> anyhow::Result<(Option<Secret>, bool)> {
        let (mut url, mut allow_unsafe) = (Some("sqlite:file.db".into()), false);
        args.over(&mut url, &mut allow_unsafe, |url| Database::parse(url).map(drop))?;
        Ok((url, allow_unsafe))
    }

    #[test]
    fn flags_win_over_the_configuration_and_what_is_no_database_is_not_told() {
        assert_eq!(over(&DatabaseArgs::default()).unwrap(), (Some("sqlite:file.db".into()), false));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:hush@h/db\n").unwrap();
        let by_file = DatabaseArgs {
            database_url_file: Some(file),
            allow_unsafe_database: true,
            ..DatabaseArgs::default()
        };
        assert_eq!(over(&by_file).unwrap(), (Some("postgres://u:hush@h/db".into()), true));
        let by_flag = |url: &str| DatabaseArgs { database_url: Some(url.into()), ..DatabaseArgs::default() };
        assert_eq!(over(&by_flag("sqlite:x.db")).unwrap().0, Some("sqlite:x.db".into()));
        for (url, expected) in [
            ("memory:hush", "--database-url is not a database: expected sqlite:PATH or postgres://"),
            ("postgres://u:hush@h", "--database-url has no database"),
        ] {
            let error = over(&by_flag(url)).unwrap_err();
            let text = format!("{error:#} {error:?}");
            assert!(error.is::<UsageError>() && text.starts_with(expected), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }
}
