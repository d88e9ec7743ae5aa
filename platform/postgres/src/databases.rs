//! Making databases on a server, and saying on each whose it is.

use crate::connections::{Connections, Session};
use crate::error::Refusal;
use crate::options::PostgresOptions;
use sqlx::Row;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest that one statement may take: a server copies a few megabytes for a new database, and syncs them.
const STATEMENT: Duration = Duration::from_secs(60);
/// Longest that others may be at it.
const TURN: Duration = Duration::from_secs(60);

/// Of processes that make databases at the same time one does. Of the server's databases it is the maintenance one's
/// that is locked, so that all have to come through the same.
const LOCK: &str = "SELECT pg_advisory_lock(x'41746f6d'::int8)";

const FIND: &str = "SELECT datname::text, pg_has_role(datdba, 'USAGE'), shobj_description(oid, 'pg_database') \
     FROM pg_database WHERE datname::text = ANY ($1)";

const ROLE: &str = "SELECT rolname::text, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user";

/// Whatever somebody may have made, but for what extensions have.
const CONTENT: &str = "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
     WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_depend \
     WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'))";

/// A server that databases are made on, seen through one of them, the maintenance database. Nobody else makes any in
/// this way until this is dropped.
pub struct Databases {
    session: Session<'static>,
    connections: Arc<Connections>,
    role: String,
    may_create: bool,
}

/// A database that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whether the role is its owner, or one of them.
    pub is_owned: bool,
    /// What is said of it (`COMMENT ON DATABASE`).
    pub comment: Option<String>,
}

impl Databases {
    /// Connects to the maintenance database, and waits for its turn. Makes nothing.
    pub async fn of_server(maintenance: &PostgresOptions) -> Result<Self, Refusal> {
        let mut options = maintenance.clone();
        options.limits.statement = STATEMENT;
        options.limits.lock = TURN;
        options.limits.call = options.limits.call.max(STATEMENT);
        let connections = Arc::new(Connections::new(options, 1));
        let connect = async {
            let mut session = connections.session_of_its_own().await?;
            session.script(LOCK.to_owned()).await?;
            let found = session.all(session.query(ROLE)).await?;
            let found = found.first().ok_or(sqlx::Error::RowNotFound)?;
            Ok::<_, Refusal>((found.try_get(0)?, found.try_get(1)?, session))
        };
        let (role, may_create, session) = connections.within(TURN, connect).await?;
        Ok(Self { session, connections, role, may_create })
    }

    /// As whom this has come.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Whether that role may make databases.
    pub fn may_create(&self) -> bool {
        self.may_create
    }

    /// Those of these names that are there.
    pub async fn find(&mut self, names: &[String]) -> Result<BTreeMap<String, Found>, Refusal> {
        let Self { session, connections, .. } = self;
        let find = async {
            let rows = session.all(session.query(FIND).bind(names)).await?;
            let found = rows.iter().map(|row| {
                Ok((row.try_get(0)?, Found { is_owned: row.try_get(1)?, comment: row.try_get(2)? }))
            });
            found.collect::<Result<_, sqlx::Error>>().map_err(Refusal::from)
        };
        connections.within(STATEMENT, find).await
    }

    /// Makes an empty one, of UTF-8, and says this of it. After an error it may be there, with or without that.
    pub async fn create(&mut self, name: &str, comment: &str) -> Result<(), Refusal> {
        let name_quoted = quoted(name, '"');
        self.run(format!("CREATE DATABASE {name_quoted} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"))
            .await?;
        self.say(name, comment).await
    }

    /// Says this of one that the role owns.
    pub async fn say(&mut self, name: &str, comment: &str) -> Result<(), Refusal> {
        let (name, comment) = (quoted(name, '"'), quoted(comment, '\''));
        self.run(format!("COMMENT ON DATABASE {name} IS {comment}")).await
    }

    async fn run(&mut self, statement: String) -> Result<(), Refusal> {
        let Self { session, connections, .. } = self;
        connections.within(STATEMENT, session.script(statement)).await
    }
}

/// Whether nobody has made anything in a database.
pub async fn is_empty(options: &PostgresOptions) -> Result<bool, Refusal> {
    let connections = Connections::new(options.clone(), 1);
    let look = async {
        let mut session = connections.session().await?;
        session.begin_snapshot().await?;
        let found = session.all(session.query(CONTENT)).await?;
        session.undo().await?;
        let found = found.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok::<bool, Refusal>(!found.try_get::<bool, _>(0)?)
    };
    let is_empty = connections.within(Duration::ZERO, look).await?;
    connections.close().await;
    Ok(is_empty)
}

/// A name or a text as SQL has it. Texts end at no backslash, as the server's `standard_conforming_strings` has it.
fn quoted(text: &str, quote: char) -> String {
    let twice = String::from_iter([quote, quote]);
    format!("{quote}{}{quote}", text.replace(quote, &twice))
}
