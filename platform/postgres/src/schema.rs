//! From whatever version a database has to the newest.

use crate::connections::{Connections, Session};
use crate::error::Refusal;
use crate::options::PostgresOptions;
use sqlx::Row;
use std::time::Duration;

/// A kind of database: how it is recognised, and how it gets its tables.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What it holds: `cell`. Stands in the table `atoll_schema`, with the version.
    pub name: &'static str,
    /// Scripts in order. A database has applied as many as its version says. All that it lacks run in one transaction,
    /// so that no script may begin or end one.
    pub migrations: &'static [&'static str],
}

/// Longest that a database may take to get its schema.
const LONGEST: Duration = Duration::from_secs(600);

/// Of processes that do this at the same time one does it, and the others find it done.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'41746f6c'::int8)";

const MARKED: &str = "SELECT current_schema()::text, \
     to_regclass(quote_ident(current_schema()) || '.atoll_schema') IS NOT NULL";

/// Tables of nobody's extension.
const FOREIGN: &str = "SELECT min(relname)::text FROM pg_class \
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'f', 'm') \
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid \
     AND deptype = 'e')";

/// Another schema with tables of ours: a path that has changed leads away from them.
const ELSEWHERE: &str = "SELECT min(nspname)::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
     WHERE relname = 'atoll_schema' AND relkind = 'r' AND relpersistence = 'p' AND nspname <> current_schema()";

const MARK: &str = "CREATE TABLE atoll_schema (name text COLLATE \"C\" PRIMARY KEY, version int4 NOT NULL)";

/// Applies what is missing, all of it in one transaction. A database of another program, of another piece of this one,
/// or of a newer version is refused; so is one whose tables are in another schema than the role's path leads to.
pub async fn migrate(options: &PostgresOptions, schema: &Schema) -> Result<(), Refusal> {
    let mut options = options.clone();
    options.limits.idle_in_transaction = LONGEST;
    options.limits.statement = LONGEST;
    options.limits.lock = LONGEST;
    let connections = Connections::new(options, 1);
    connections.within(LONGEST, in_one_transaction(&connections, schema)).await?;
    connections.close().await;
    Ok(())
}

/// Whether the database holds what is of this kind; an empty one does not. Refuses what [`migrate`] refuses for what
/// the database is, and writes nothing.
pub async fn look(options: &PostgresOptions, schema: &Schema) -> Result<bool, Refusal> {
    let connections = Connections::new(options.clone(), 1);
    let found = connections.within(Duration::ZERO, async {
        let mut session = connections.session().await?;
        session.begin_snapshot().await?;
        let version = version(&mut session, schema).await?;
        session.undo().await?;
        Ok::<_, Refusal>(version)
    });
    let found = found.await?;
    connections.close().await;
    schema.applied(found).map(|_| found.is_some())
}

impl Schema {
    /// How many migrations a database of this version has.
    fn applied(&self, version: Option<i32>) -> Result<usize, Refusal> {
        let known = self.migrations.len();
        let version = version.unwrap_or(0);
        match usize::try_from(version) {
            Ok(applied) if applied <= known => Ok(applied),
            _ => Err(Refusal::Newer { version, known }),
        }
    }
}

async fn in_one_transaction(connections: &Connections, schema: &Schema) -> Result<(), Refusal> {
    let mut session = connections.session().await?;
    session.begin().await?;
    session.script(LOCK.to_owned()).await?;
    let version = version(&mut session, schema).await?;
    let applied = schema.applied(version)?;
    if version.is_none() {
        session.script(MARK.to_owned()).await.map_err(|refusal| failed(1, refusal))?;
    }
    for (script, version) in schema.migrations.iter().zip(1..).skip(applied) {
        session.script((*script).to_owned()).await.map_err(|refusal| failed(version, refusal))?;
    }
    let known = schema.migrations.len();
    if applied == known {
        return session.undo().await;
    }
    let put = session.query(
        "INSERT INTO atoll_schema (name, version) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET version = excluded.version",
    );
    session.run(put.bind(schema.name).bind(known as i32)).await?;
    session.end().await
}

/// The version of a database that is ours; none of an empty one.
async fn version(session: &mut Session<'_>, schema: &Schema) -> Result<Option<i32>, Refusal> {
    let found = session.all(session.query(MARKED)).await?;
    let found = found.first().ok_or(Refusal::NoSchema)?;
    let current = found.try_get::<Option<String>, _>(0)?.ok_or(Refusal::NoSchema)?;
    let elsewhere = session.all(session.query(ELSEWHERE)).await?;
    let elsewhere = elsewhere.first().map(|row| row.try_get::<Option<String>, _>(0)).transpose()?;
    if let Some(found) = elsewhere.flatten() {
        return Err(Refusal::Elsewhere { found, current });
    }
    if !found.try_get::<bool, _>(1)? {
        let foreign = session.all(session.query(FOREIGN)).await?;
        let foreign = foreign.first().map(|row| row.try_get::<Option<String>, _>(0)).transpose()?;
        return match foreign.flatten() {
            Some(table) => Err(Refusal::Foreign(format!("a table {table}"))),
            None => Ok(None),
        };
    }
    let marks = session.all(session.query("SELECT name, version FROM atoll_schema ORDER BY name")).await?;
    let mut others = Vec::new();
    for mark in &marks {
        let name: String = mark.try_get(0)?;
        if name == schema.name {
            return Ok(Some(mark.try_get(1)?));
        }
        others.push(name);
    }
    Err(Refusal::Foreign(format!("what Atoll keeps for: {}", others.join(", "))))
}

fn failed(version: usize, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Sql(source @ sqlx::Error::Database(_)) => Refusal::Migration { version, source },
        other => other,
    }
}
