use async_trait::async_trait;

use super::{Row, Session, Statement, values_of};
use crate::model::{Access, Principal, PrincipalKind};
use crate::store::StoreError;
use crate::store::principals::{ReadPrincipals, WritePrincipals};

#[async_trait]
impl<S: Session> ReadPrincipals for S {
    async fn principal(&mut self, id: &str) -> Result<Option<Principal>, StoreError> {
        let row = self.one(Statement::PrincipalGet, values_of![id]).await?;
        row.as_ref().map(principal).transpose()
    }

    async fn first_admin(&mut self, account_id: &str) -> Result<Option<Principal>, StoreError> {
        let row = self.one(Statement::PrincipalFirstAdmin, values_of![account_id]).await?;
        row.as_ref().map(principal).transpose()
    }

    async fn principals(
        &mut self,
        account_id: &str,
        kind: PrincipalKind,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Principal>, StoreError> {
        let values = values_of![account_id, kind.name(), after, limit];
        let rows = self.all(Statement::PrincipalPage, values).await?;
        rows.iter().map(principal).collect()
    }
}

#[async_trait]
impl<S: Session> WritePrincipals for S {
    async fn insert_principal(&mut self, principal: &Principal) -> Result<(), StoreError> {
        let access = access_text(&principal.access)?;
        let values = values_of![
            &principal.id,
            &principal.account_id,
            principal.kind.name(),
            &principal.name,
            &principal.description,
            &access,
            principal.created_ms,
        ];
        self.run(Statement::PrincipalInsert, values).await.map(drop)
    }

    async fn set_access(&mut self, id: &str, access: &Access, now_ms: i64) -> Result<(), StoreError> {
        let access = access_text(access)?;
        self.run(Statement::PrincipalSetAccess, values_of![id, &access, now_ms]).await.map(drop)
    }

    async fn revoke_namespace(
        &mut self,
        account_id: &str,
        cloud_id: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let rows = self.all(Statement::PrincipalWithNamespace, values_of![account_id, cloud_id]).await?;
        let found: Vec<Principal> = rows.iter().map(principal).collect::<Result<_, _>>()?;
        let mut revoked = false;
        for mut principal in found {
            if principal.access.namespaces.remove(cloud_id).is_some() {
                self.set_access(&principal.id, &principal.access, now_ms).await?;
                revoked = true;
            }
        }
        Ok(revoked)
    }
}

fn access_text(access: &Access) -> Result<String, StoreError> {
    serde_json::to_string(access).map_err(|error| StoreError::malformed("access", error))
}

/// The access in a row's `access` column.
pub(super) fn access(row: &impl Row) -> Result<Access, StoreError> {
    serde_json::from_str(&row.text("access")?).map_err(|error| StoreError::malformed("access", error))
}

/// The kind in a row's `kind` column.
pub(super) fn kind(row: &impl Row) -> Result<PrincipalKind, StoreError> {
    let name = row.text("kind")?;
    PrincipalKind::from_name(&name).ok_or_else(|| StoreError::malformed("principal kind", name))
}

fn principal(row: &impl Row) -> Result<Principal, StoreError> {
    Ok(Principal {
        id: row.text("id")?,
        account_id: row.text("account_id")?,
        kind: kind(row)?,
        name: row.text("name")?,
        description: row.text("description")?,
        access: access(row)?,
        resource_version: row.integer("resource_version")?,
        created_ms: row.integer("created_ms")?,
        modified_ms: row.maybe_integer("modified_ms")?,
    })
}
