//! Why a database is not used.

use sqlx::error::DatabaseError;

/// What is wrong with a database, or with who serves it.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Too old.
    #[error("is served by PostgreSQL {}, which is too old: 15 or newer is needed", version / 10_000)]
    OldServer {
        /// As `server_version_num`.
        version: i32,
    },
    /// A standby, or a server or role that is set to write nothing.
    #[error("takes no writes ({0}): connect to the primary, with a role that may write")]
    ReadOnly(&'static str),
    /// Text would not be stored as it is.
    #[error("stores text as {0}: create the database with ENCODING 'UTF8'")]
    Encoding(String),
    /// Commits might be lost.
    #[error("would not be durable: {setting} is {found}; set it to on in postgresql.conf")]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// Tables would have no place.
    #[error("has no schema on the role's search_path to keep tables in")]
    NoSchema,
    /// What the role's `search_path` leads to is not where the tables are.
    #[error(
        "keeps what Atoll has in schema {found}, and the role's search_path leads to {current}: set it back"
    )]
    Elsewhere {
        /// The schema that has them.
        found: String,
        /// The one that tables would be made in.
        current: String,
    },
    /// It holds tables of another program, or of another piece of this one.
    #[error("belongs to another program (it holds {0}): use a database of its own")]
    Foreign(String),
    /// A newer version made it.
    #[error("has schema version {version}, this version knows {known}")]
    Newer {
        /// The database's version.
        version: i32,
        /// The newest version known here.
        known: usize,
    },
    /// A migration failed; the database has the schema that it had.
    #[error("cannot be brought to schema version {version}: {}", said(source))]
    Migration {
        /// The version that was not reached.
        version: usize,
        /// What PostgreSQL says.
        source: sqlx::Error,
    },
    /// Nobody has answered in time.
    #[error("does not answer")]
    Silent,
    /// Others have all the connections, and give none back in time.
    #[error("has no free connection")]
    Busy,
    /// The connections were closed by us.
    #[error("is closed")]
    Closed,
    /// PostgreSQL, or the way to it, failed while a connection was set up, or at the beginning or the end of a
    /// transaction.
    #[error("{}", said(.0))]
    Sql(#[from] sqlx::Error),
    /// As [`Sql`](Self::Sql), of a statement that reads or writes rows: what PostgreSQL says may be of those rows.
    #[error("{}", said(.0))]
    Statement(sqlx::Error),
}

/// PostgreSQL's own words for an error, with its code; else the driver's. Never the detail, which may hold stored
/// values.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => format!("{} ({})", error.message(), code(&**error)),
        other => other.to_string(),
    }
}

fn code(error: &dyn DatabaseError) -> String {
    error.code().map(|code| code.into_owned()).unwrap_or_default()
}

impl Refusal {
    /// What an operator can do where a database is not opened, as an end of the refusal's text; empty where that says
    /// what to do, or nobody can know.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Newer { .. } => ": start the version of Atoll that made it, or a newer one",
            Self::NoSchema => ": create one that the role owns",
            Self::Silent | Self::Sql(sqlx::Error::Io(_)) => {
                ": see that PostgreSQL runs there, and that the URL has its host and port"
            }
            Self::Sql(sqlx::Error::Tls(_)) => ": see that sslmode and sslrootcert of the URL fit the server",
            _ => match self.code().as_deref() {
                Some("28P01") => ": give the user and the password that the server knows",
                Some("28000") => ": let the user in (CREATE ROLE, pg_hba.conf), or give another one",
                Some("3D000") => ": create it (CREATE DATABASE), or correct its name",
                Some("42501") => {
                    ": let the role own the database (ALTER DATABASE ... OWNER TO) and what is in it"
                }
                Some("53300") => ": raise max_connections of the server",
                Some("57P03") => ": wait until the server is up",
                _ => "",
            },
        }
    }

    /// PostgreSQL's code (SQLSTATE), where it was PostgreSQL that refused.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Sql(error) | Self::Statement(error) | Self::Migration { source: error, .. } => {
                error.as_database_error().map(code)
            }
            _ => None,
        }
    }

    /// Whether the connection, and with it perhaps every other one, has ended or leads to who cannot serve.
    pub fn is_lost_connection(&self) -> bool {
        match self {
            Self::Silent | Self::Closed | Self::ReadOnly(_) => true,
            Self::Sql(sqlx::Error::Database(error)) | Self::Statement(sqlx::Error::Database(error)) => {
                let code = code(&**error);
                // Connections, operators' interventions, and a primary that has become a standby.
                code.starts_with("08") || matches!(&code[..], "57P01" | "57P02" | "57P03" | "57P05" | "25006")
            }
            Self::Sql(error) | Self::Statement(error) => {
                matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_))
            }
            _ => false,
        }
    }
}
