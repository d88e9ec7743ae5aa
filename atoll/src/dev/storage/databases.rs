//! The databases of a cloud on a PostgreSQL server: one for each piece, made where they are missing.

use anyhow::{Context, bail};
use atoll_postgres::{Databases, Found, PostgresOptions, Refusal, is_empty};
use atoll_secret::Secret;

use super::kept::Kept;
use super::{BILLING, CONTROL_PLANE, METERING};
use crate::cli::UsageError;
use crate::dev::plan::cell_ids;

/// What is said of a database that is a dev cloud's (`COMMENT ON DATABASE`): this, the cloud and the piece.
const MARK: &str = "atoll dev cloud";

/// A server with a role that may make databases.
pub(super) struct Server {
    /// Of the maintenance database.
    url: Secret,
    maintenance: PostgresOptions,
    /// What the names of the cloud's databases begin with.
    pub(super) prefix: String,
}

/// The databases of a cell, as their names end: its own, and its lists'.
pub(super) fn of_cell(id: &str) -> [String; 2] {
    [format!("cell_{id}"), format!("cell_{id}_lists")]
}

/// The database of a piece that is no cell, as its name ends.
pub(super) fn of_piece(piece: &str) -> String {
    piece.replace('-', "_")
}

/// All of them, as their names end.
fn all() -> Vec<String> {
    let others = [CONTROL_PLANE, METERING, BILLING].map(of_piece);
    cell_ids().flat_map(of_cell).chain(others).collect()
}

/// What is to be done with a database that is not the cloud's yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanting {
    /// It is missing.
    Creation,
    /// It is empty and nobody's.
    Mark,
}

/// A server that was looked at. Nobody else makes databases there in this way until this is dropped.
pub(super) struct LookedAt {
    databases: Databases,
    /// With the whole names of databases, and how they end.
    wanting: Vec<(String, String, Wanting)>,
    place: String,
}

impl Server {
    pub(super) fn new(url: Secret, prefix: &str) -> anyhow::Result<Self> {
        let refused = |text: String| anyhow::Error::new(UsageError::new(format!("--database-url {text}")));
        let maintenance = PostgresOptions::parse(&url).map_err(|error| refused(error.to_string()))?;
        if maintenance.pooled {
            return Err(refused(
                "leads through a pooler, which makes no databases: give the server's own".to_owned(),
            ));
        }
        Ok(Self { url, maintenance, prefix: prefix.to_owned() })
    }

    /// The URL of the database whose name ends so.
    pub(super) fn database_url(&self, end: &str) -> anyhow::Result<Secret> {
        PostgresOptions::url_of_database(&self.url, &self.name(end)).context("the database's URL")
    }

    /// The server and the databases, for people.
    pub(super) fn shown(&self) -> String {
        let place = self.maintenance.place();
        let server = place.rsplit_once('/').map_or(place, |(server, _)| server);
        format!("{}_* at {server}", self.prefix)
    }

    fn name(&self, end: &str) -> String {
        format!("{}_{end}", self.prefix)
    }

    /// Refuses databases that are not the cloud's. Writes nothing. What a piece refuses of its own database, a newer
    /// schema for example, it says itself.
    pub(super) async fn look(&self, kept: &Kept) -> anyhow::Result<LookedAt> {
        let place = self.maintenance.place().to_owned();
        let mut databases =
            Databases::of_server(&self.maintenance).await.map_err(|refusal| refused(&place, &refusal))?;
        let ends = all();
        let names: Vec<String> = ends.iter().map(|end| self.name(end)).collect();
        let found = databases.find(&names).await.map_err(|refusal| refused(&place, &refusal))?;
        let mut wanting = Vec::new();
        for (end, name) in ends.into_iter().zip(names) {
            let wants = match found.get(&name) {
                Some(found) => self.want_of_found(kept, &end, &name, found).await?,
                None if kept.is_made => bail!(
                    "database {} is missing, and the cloud of this data directory had it: restore it, or begin with \
                     another data directory",
                    self.maintenance.of_database(&name).place()
                ),
                None => Some(Wanting::Creation),
            };
            wanting.extend(wants.map(|wants| (name, end, wants)));
        }
        let missing = wanting.iter().filter(|(.., wants)| *wants == Wanting::Creation);
        let missing: Vec<&str> = missing.map(|(name, ..)| name.as_str()).collect();
        if !missing.is_empty() && !databases.may_create() {
            let role = databases.role();
            bail!(
                "database {place}: role {role} may not make databases, and these are missing: {}; let it (ALTER ROLE \
                 {role} CREATEDB), or make them empty, with that role as their owner",
                missing.join(", ")
            );
        }
        Ok(LookedAt { databases, wanting, place })
    }

    async fn want_of_found(
        &self,
        kept: &Kept,
        end: &str,
        name: &str,
        found: &Found,
    ) -> anyhow::Result<Option<Wanting>> {
        let options = self.maintenance.of_database(name);
        let place = options.place();
        match found.comment.as_deref() {
            Some(comment) if comment == mark(kept, end) => return Ok(None),
            Some(comment) if comment.starts_with(MARK) => bail!(
                "database {place} belongs to another dev cloud: give another --database-prefix, or the data \
                 directory of that cloud"
            ),
            _ if kept.is_made => bail!(
                "database {place} does not say that it is this cloud's: if it is, say so (COMMENT ON DATABASE {name} \
                 IS '{}')",
                mark(kept, end)
            ),
            Some(_) => {}
            None if !found.is_owned => {}
            None if is_empty(&options).await.map_err(|refusal| refused(place, &refusal))? => {
                return Ok(Some(Wanting::Mark));
            }
            None => {}
        }
        bail!(
            "database {place} is not a dev cloud's: give another --database-prefix; or an empty one without a comment, \
             which this role owns"
        )
    }
}

impl LookedAt {
    /// Makes what is missing, and says of each whose it is. Cut short, it is gone on with at the next start.
    pub(super) async fn make(mut self, kept: &Kept) -> anyhow::Result<()> {
        for (name, end, wants) in &self.wanting {
            let mark = mark(kept, end);
            let done = match wants {
                Wanting::Creation => self.databases.create(name, &mark).await,
                Wanting::Mark => self.databases.say(name, &mark).await,
            };
            done.map_err(|refusal| refused(&self.place, &refusal))
                .with_context(|| format!("database {name} cannot be made"))?;
        }
        Ok(())
    }
}

fn mark(kept: &Kept, end: &str) -> String {
    format!("{MARK} {}: {end}", kept.id)
}

fn refused(place: &str, refusal: &Refusal) -> anyhow::Error {
    anyhow::anyhow!("database {place}: {refusal}{}", refusal.remedy())
}
