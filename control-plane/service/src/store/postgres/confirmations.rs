//! Confirming what was seen, on connections that nobody reads on: while a standby is away its waiters have these, and
//! whoever only reads has the others. See [`atoll_postgres::confirm`].

use std::sync::{Arc, Mutex, PoisonError};

use atoll_postgres::{Connections, Refusal, Session};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use sqlx::Row as _;

use super::error::failed;
use super::statements::SERVER;
use super::{USUAL, is_worth_another};
use crate::store::StoreError;

/// Which server it is: a standby that takes the primary's place is another one.
pub(super) type ServerName = String;

/// A commit that waits for the standbys. It ends when nobody waits for it any more.
type Confirmation = BoxFuture<'static, Result<ServerName, Arc<Refusal>>>;

/// The one that has not begun yet, if somebody waits for it.
type Next = Mutex<Option<WeakShared<Confirmation>>>;

/// Confirms what others have seen. Those that come before one has begun share it: of any number that wait for a standby
/// there are as many sessions as connections.
pub(super) struct Confirmations {
    connections: Arc<Connections>,
    next: Arc<Next>,
}

impl Confirmations {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections: Arc::new(connections), next: Arc::default() }
    }

    /// Answers when a failover takes nothing of what was seen until now on this server.
    pub(super) async fn confirm(&self, seen_on: &str) -> Result<(), StoreError> {
        let confirmed_on = self.joined().await.map_err(|refusal| failed(&refusal))?;
        // It says nothing of what was seen elsewhere: on a primary, say, that was replaced meanwhile.
        if confirmed_on != seen_on {
            return Err(StoreError::Unavailable("its server was replaced meanwhile".to_owned()));
        }
        Ok(())
    }

    /// One that begins from now on.
    fn joined(&self) -> Shared<Confirmation> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = next.as_ref().and_then(WeakShared::upgrade) {
            return waiting;
        }
        let made = confirmation(Arc::clone(&self.connections), Arc::clone(&self.next)).boxed().shared();
        *next = made.downgrade();
        made
    }

    pub(super) async fn close(&self) {
        self.connections.close().await;
    }
}

async fn confirmation(connections: Arc<Connections>, next: Arc<Next>) -> Result<ServerName, Arc<Refusal>> {
    let once = async || {
        let confirm = async {
            let session = connections.session().await;
            // Whoever comes from now on may have seen what this one does not confirm.
            next.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut session = session?;
            session.begin().await?;
            let server = server(&mut session).await?;
            session.confirm().await?;
            Ok(server)
        };
        connections.within(USUAL, confirm).await
    };
    let confirmed = match once().await {
        Err(refusal) if is_worth_another(&refusal) => once().await,
        other => other,
    };
    confirmed.map_err(Arc::new)
}

/// The server that a session leads to; behind a pooler that of its transaction.
pub(super) async fn server(session: &mut Session<'_>) -> Result<ServerName, Refusal> {
    let found = session.all(session.query(SERVER)).await?;
    let found = found.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(found.try_get("server")?)
}
