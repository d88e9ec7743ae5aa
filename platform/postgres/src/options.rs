//! How a database is reached.

use atoll_secret::Secret;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// Prepared statements that a connection keeps: all of ours.
const STATEMENT_CACHE: usize = 256;

/// What is wrong with a URL. Says nothing of it, for any part may hold its password where a character in that was not
/// escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It does not parse.
    #[error(
        "is no URL: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, with what is no letter or digit escaped"
    )]
    Malformed,
    /// Another scheme.
    #[error("does not begin with postgres:// or postgresql://")]
    Scheme,
    /// A part is missing.
    #[error("has no {0}")]
    Missing(&'static str),
    /// A parameter that is not known.
    #[error("has a parameter that is not known: there are {}", PARAMETERS.join(", "))]
    Parameter,
    /// A value of a parameter.
    #[error("has no valid value for {0}")]
    Value(&'static str),
    /// A mode that would go on without TLS where there is none.
    #[error("has no sslmode out of disable, require and verify-full")]
    SslMode,
    /// The driver trusts the system's authorities beside the one that is given, so that without the name any
    /// certificate of theirs would do.
    #[error(
        "has sslmode verify-ca, which would take whoever has a certificate for the server: use verify-full"
    )]
    VerifyCa,
    /// The environment says what only the URL may say.
    #[error("does not say alone how the database is reached: {0} is set in the environment; unset it")]
    Environment(&'static str),
}

/// What a URL may say behind its `?`.
const PARAMETERS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "pooled"];

/// What the driver would take from the environment, and a URL that does not say it cannot take back.
const ENVIRONMENT: [&str; 4] = ["PGOPTIONS", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];

/// How long things may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until a call is given up, whatever the server says. Before that it may wait as long for a free connection.
    pub call: Duration,
    /// Until the server ends a statement.
    pub statement: Duration,
    /// Until the server ends a statement that waits for a lock.
    pub lock: Duration,
    /// Until the server ends a session that leaves its transaction open: with it go the locks of an owner that was
    /// stopped in the middle of one.
    pub idle_in_transaction: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(20),
            statement: Duration::from_secs(10),
            lock: Duration::from_secs(5),
            idle_in_transaction: Duration::from_secs(3),
        }
    }
}

/// A PostgreSQL database and how to use it. The defaults are safe. Its `Debug` holds no secret.
#[derive(Clone)]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    place: String,
    /// A pooler that lends sessions for a transaction each (PgBouncer's `pool_mode = transaction`) is between: nothing
    /// outlives a transaction, so that none goes without, and statements are prepared for one execution each.
    pub pooled: bool,
    /// Start also where a commit may be lost: for tests that say so.
    pub allow_unsafe: bool,
    /// How long things may take.
    pub limits: Limits,
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connect: _, place, pooled, allow_unsafe, limits } = self;
        let mut shown = f.debug_struct("PostgresOptions");
        shown.field("place", place).field("pooled", pooled).field("allow_unsafe", allow_unsafe);
        shown.field("limits", limits).finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS`, where the password may come from `PGPASSWORD` or a
    /// password file instead. Nothing else of the environment is used: what would be is refused where it is set.
    ///
    /// - `sslmode`: `verify-full` (the default, but for a loopback address or a socket), `require` (which trusts
    ///   whoever answers; with an `sslrootcert` it is `verify-full`) or `disable`. There is no `verify-ca`: it would
    ///   trust every certificate that one of the system's authorities has given to anybody;
    /// - `sslrootcert`: a file of certificates to trust beside the system's, which stay trusted; `sslcert`, `sslkey`:
    ///   the client's own;
    /// - `pooled=true`: see [`pooled`](Self::pooled).
    pub fn parse(url: &Secret) -> Result<Self, UrlError> {
        let mut url = Url::parse(url.expose()).map_err(|_| UrlError::Malformed)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(UrlError::Scheme);
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or(UrlError::Missing("host"))?.to_owned();
        if url.username().is_empty() {
            return Err(UrlError::Missing("user"));
        }
        let database = url.path().trim_start_matches('/').to_owned();
        if database.is_empty() || database.contains('/') {
            return Err(UrlError::Missing("database"));
        }
        let mut given: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if given.iter().any(|(name, _)| !PARAMETERS.contains(&name.as_str())) {
            return Err(UrlError::Parameter);
        }
        let pooled = match given.iter().position(|(name, _)| name == "pooled").map(|at| given.remove(at).1) {
            None => false,
            Some(value) => bool::from_str(&value).map_err(|_| UrlError::Value("pooled"))?,
        };
        let mode = given.iter().position(|(name, _)| name == "sslmode").map(|at| given.remove(at).1);
        let has_root = given.iter().any(|(name, _)| name == "sslrootcert");
        let mode = match mode.as_deref() {
            None if is_local(&host) => PgSslMode::Disable,
            None | Some("verify-full") => PgSslMode::VerifyFull,
            Some("verify-ca") => return Err(UrlError::VerifyCa),
            Some("require") if has_root => PgSslMode::VerifyFull,
            Some("require") => PgSslMode::Require,
            Some("disable") => PgSslMode::Disable,
            Some(_) => return Err(UrlError::SslMode),
        };
        if let Some(set) = ENVIRONMENT.into_iter().find(|name| std::env::var_os(name).is_some()) {
            return Err(UrlError::Environment(set));
        }
        // Without one the driver would take the environment's.
        let port = url.port().unwrap_or(5432);
        url.set_port(Some(port)).map_err(|()| UrlError::Malformed)?;
        url.set_query(None);
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(&given);
        }
        let connect = PgConnectOptions::from_url(&url).map_err(|_| UrlError::Malformed)?;
        let place = format!("{host}:{port}/{database}");
        let connect = connect.ssl_mode(mode).application_name("atoll").disable_statement_logging();
        Ok(Self { connect, place, pooled, allow_unsafe: false, limits: Limits::default() })
    }

    /// The same server and role, with another database.
    #[must_use]
    pub fn of_database(&self, name: &str) -> Self {
        let server = self.place.rsplit_once('/').map_or("", |(server, _)| server);
        let place = format!("{server}/{name}");
        Self { connect: self.connect.clone().database(name), place, ..self.clone() }
    }

    /// A URL that differs in its database alone. `name` is of letters, digits and `_`.
    pub fn url_of_database(url: &Secret, name: &str) -> Result<Secret, UrlError> {
        let mut url = Url::parse(url.expose()).map_err(|_| UrlError::Malformed)?;
        url.set_path(name);
        Ok(String::from(url).into())
    }

    /// Host, port and database, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// For a connection. A pooler knows nothing of settings that are given with it.
    pub(crate) fn connection(&self) -> PgConnectOptions {
        let options = self.connect.clone();
        if self.pooled {
            return options.statement_cache_capacity(0).extra_float_digits(None);
        }
        let Limits { call, statement, lock, idle_in_transaction, .. } = self.limits;
        let milliseconds = |limit: Duration| limit.as_millis().to_string();
        options.statement_cache_capacity(STATEMENT_CACHE).options([
            ("statement_timeout", milliseconds(statement)),
            ("lock_timeout", milliseconds(lock)),
            ("idle_in_transaction_session_timeout", milliseconds(idle_in_transaction)),
            // No statement's time-out ends a session that sends to who takes nothing any more.
            ("tcp_user_timeout", milliseconds(call)),
            // And none ends one that waits for who has gone without a word.
            ("tcp_keepalives_idle", "30".to_owned()),
            ("tcp_keepalives_interval", "10".to_owned()),
            ("tcp_keepalives_count", "3".to_owned()),
            ("default_transaction_isolation", "read committed".to_owned()),
            // Plans are made for the tables as they are: one that was kept from when a table was small reads it from
            // end to end once it is large.
            ("plan_cache_mode", "force_custom_plan".to_owned()),
        ])
    }

    /// What begins a transaction, with its time-outs where the session has none.
    pub(crate) fn begin(&self) -> String {
        self.with_time_outs("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    }

    /// As [`begin`](Self::begin), of one that sees one moment.
    pub(crate) fn begin_snapshot(&self) -> String {
        self.with_time_outs("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    fn with_time_outs(&self, begin: &str) -> String {
        if !self.pooled {
            return begin.to_owned();
        }
        let Limits { statement, lock, idle_in_transaction, .. } = self.limits;
        format!(
            "{begin}; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; \
             SET LOCAL idle_in_transaction_session_timeout = {}",
            statement.as_millis(),
            lock.as_millis(),
            idle_in_transaction.as_millis()
        )
    }
}

/// Whether nobody is between: a socket's folder, or this very machine.
fn is_local(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host.starts_with("%2F")
        || host.starts_with("%2f")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PostgresOptions, UrlError> {
        PostgresOptions::parse(&url.into())
    }

    #[test]
    fn a_url_says_where_and_whether_a_pooler_is_between() {
        let options = parse("postgres://u:p@db.example:6543/cells?pooled=true&sslmode=require").unwrap();
        assert_eq!((options.place(), options.pooled), ("db.example:6543/cells", true));
        let options = parse("postgresql://u@127.0.0.1/cells").unwrap();
        assert_eq!((options.place(), options.pooled), ("127.0.0.1:5432/cells", false));
    }

    #[test]
    fn who_is_reached_over_a_network_is_verified_unless_the_url_says_otherwise() {
        let mode = |url| parse(url).unwrap().connection().get_ssl_mode();
        for (url, expected) in [
            ("postgres://u@db.example/d", "VerifyFull"),
            ("postgres://u@10.0.0.1/d", "VerifyFull"),
            ("postgres://u@127.0.0.1/d", "Disable"),
            ("postgres://u@localhost/d", "Disable"),
            ("postgres://u@localhost/d?sslmode=verify-full", "VerifyFull"),
            ("postgres://u@db.example/d?sslmode=disable", "Disable"),
            ("postgres://u@db.example/d?sslmode=require", "Require"),
            ("postgres://u@db.example/d?sslmode=require&sslrootcert=ca.pem", "VerifyFull"),
        ] {
            assert_eq!(format!("{:?}", mode(url)), expected, "{url}");
        }
        let nobody = parse("postgres://u@db.example/d?sslmode=verify-ca&sslrootcert=ca.pem");
        assert_eq!(nobody.err(), Some(UrlError::VerifyCa));
        for half in ["prefer", "allow", "VERIFY-FULL", ""] {
            let refused = parse(&format!("postgres://u@db.example/d?sslmode={half}"));
            assert_eq!(refused.err(), Some(UrlError::SslMode), "{half}");
        }
    }

    /// What a child of this test finds that has a variable in its environment.
    const CHILD: &str = "ATOLL_TEST_ENVIRONMENT";

    #[test]
    fn the_environment_says_neither_where_nor_how() {
        if let Ok(expected) = std::env::var(CHILD) {
            let found = match parse("postgres://u@db.example/d") {
                Ok(options) => options.connection().get_port().to_string(),
                Err(error) => error.to_string(),
            };
            assert!(found.contains(&expected), "{found}");
            return;
        }
        let set = ENVIRONMENT.map(|name| (name, "x", name));
        for (name, value, expected) in [("PGPORT", "6543", "5432")].into_iter().chain(set) {
            let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
            child.args(["--exact", "options::tests::the_environment_says_neither_where_nor_how"]);
            let output = child.env(name, value).env(CHILD, expected).output().expect("the child runs");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{name}: {said}");
        }
    }

    #[test]
    fn another_database_of_the_same_server() {
        let url = "postgres://u:p%40ss@db.example:6543/postgres?sslmode=require&pooled=true".into();
        let other = PostgresOptions::url_of_database(&url, "cell_a").unwrap();
        assert_eq!(other.expose(), "postgres://u:p%40ss@db.example:6543/cell_a?sslmode=require&pooled=true");
        for options in [
            PostgresOptions::parse(&other).unwrap(),
            PostgresOptions::parse(&url).unwrap().of_database("cell_a"),
        ] {
            assert_eq!((options.place(), options.pooled), ("db.example:6543/cell_a", true));
            assert_eq!(options.connection().get_database(), Some("cell_a"));
        }
    }

    #[test]
    fn nothing_secret_is_in_any_text() {
        let good = parse("postgres://u:hush@db.example/d").unwrap();
        assert!(!format!("{good:?} {good:#?} {}", good.place()).contains("hush"));
        for bad in [
            "hush",
            "postgres://u:hush/x@h/d",
            "postgres://u:hush#x@h/d",
            "postgres://u:hush?x@h/d",
            "postgres://u:h@ush@h",
            "postgres://u@h/d?hush=1",
            "postgres://u@h/d?passwd=hush",
            "postgres://u@h/d?pooled=hush",
            "postgres://u@h/d?sslmode=hush",
            "mysql://u:hush@h/d",
        ] {
            let error = parse(bad).expect_err(bad);
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }
}
