//! Listing keys.

use crate::failure::Failure;
use crate::store::S3ObjectStore;

/// Names that S3 gives at once.
const PAGE: usize = 1_000;

impl S3ObjectStore {
    /// Keys with this prefix behind `after`, page by page until there are `limit`. S3 lists a general purpose bucket in
    /// the order of the names' bytes; what is no key of ours is passed over.
    pub(crate) async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Failure> {
        let mut keys = Vec::new();
        let mut after = after.map(|after| self.location.under(after));
        let prefix = self.location.under(prefix);
        while keys.len() < limit {
            let (names, more) = self.names(&prefix, after.as_deref(), PAGE.min(limit - keys.len())).await?;
            keys.extend(names.iter().filter_map(|name| self.location.key_of(name)).map(str::to_owned));
            match names.into_iter().next_back() {
                Some(last) if more => after = Some(last),
                _ => break,
            }
        }
        Ok(keys)
    }

    /// At most a page of the bucket's names, and whether there are more.
    pub(crate) async fn names(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<String>, bool), Failure> {
        let list = self.client.list_objects_v2().bucket(&self.location.bucket);
        let list = list
            .set_expected_bucket_owner(self.location.owner.clone())
            .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_start_after(after.map(str::to_owned))
            .max_keys(most.min(PAGE) as i32);
        let page = list.send().await.map_err(Failure::of)?;
        let names = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect();
        Ok((names, page.is_truncated.unwrap_or(false)))
    }
}
