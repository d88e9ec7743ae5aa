//! An object store that is one dev cloud's: two of them have cells of the same names, and would be metered as one.

use anyhow::{anyhow, bail};
use atoll_object_store::{ConditionalPut, ObjectStore, ObjectStoreError, Unfit, Use};

use super::kept::Kept;
use crate::wiring::objects::{Location, Objects};

/// The object that says which cloud's an object store is.
const CLAIM: &str = "dev-cloud";
/// Bytes of it that are read.
const LONGEST_CLAIM: usize = 64;

/// Refuses one that is not this cloud's, nor fit to become it. Writes nothing. Where it was the cloud's it may be away.
pub(super) async fn look(location: &Location, kept: &Kept) -> anyhow::Result<()> {
    let objects = Objects::at(location.clone(), Use::Read).await;
    match objects.prove().await {
        Ok(()) => {}
        Err(unfit) if unfit.is_away() && kept.is_made => {
            tracing::warn!("objects {unfit}{}", unfit.remedy());
            return Ok(());
        }
        Err(unfit) => return Err(refused(&unfit)),
    }
    let (store, place) = (objects.store(), objects.place());
    match claim_of(&*store).await.map_err(|error| anyhow!("objects {place}: {error}"))? {
        Some(claim) if claim == said(kept) => Ok(()),
        Some(_) => bail!(
            "objects {place}: belong to another dev cloud: give another place with --objects-url, or the data directory \
             of that cloud"
        ),
        None if kept.is_made => bail!(
            "objects {place}: {CLAIM} is missing, and the cloud of this data directory had put it there: restore what \
             was deleted, or begin with another data directory"
        ),
        None => match store.list("", None, 1).await {
            Ok(keys) if keys.is_empty() => Ok(()),
            Ok(_) => bail!("objects {place}: are not a dev cloud's: give another place with --objects-url"),
            Err(error) => bail!("objects {place}: {error}"),
        },
    }
}

/// Says that it is this cloud's. One that is away was so before.
pub(super) async fn claim(location: &Location, kept: &Kept) -> anyhow::Result<()> {
    let objects = Objects::at(location.clone(), Use::Write).await;
    match objects.prove().await {
        Ok(()) => {}
        Err(unfit) if unfit.is_away() && kept.is_made => return Ok(()),
        Err(unfit) => return Err(refused(&unfit)),
    }
    let place = objects.place();
    match objects.store().put_if_absent(CLAIM, said(kept).into()).await {
        Ok(ConditionalPut::Written | ConditionalPut::Identical) => Ok(()),
        Ok(ConditionalPut::Different) => bail!("objects {place}: another dev cloud has taken them just now"),
        Err(error) => bail!("objects {place}: {error}"),
    }
}

async fn claim_of(store: &dyn ObjectStore) -> Result<Option<String>, ObjectStoreError> {
    let claim = store.get(CLAIM, LONGEST_CLAIM).await?;
    Ok(claim.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn said(kept: &Kept) -> String {
    format!("{}\n", kept.id)
}

fn refused(unfit: &Unfit) -> anyhow::Error {
    anyhow!("objects {unfit}{}", unfit.remedy())
}
