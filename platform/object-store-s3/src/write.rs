//! Writing and removing objects.

use crate::failure::Failure;
use crate::limits::Limits;
use crate::location::Encryption;
use crate::read::Standing;
use crate::store::S3ObjectStore;
use atoll_object_store::ConditionalPut;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;

/// When an object is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Condition {
    /// Whatever stands.
    None,
    /// Only where none stands.
    Absent,
}

impl Condition {
    /// The header `If-None-Match`.
    pub(crate) fn if_none_match(self) -> Option<String> {
        (self == Self::Absent).then(|| "*".to_owned())
    }
}

impl S3ObjectStore {
    /// Writes an object in one piece or in parts.
    pub(crate) async fn write(&self, name: &str, bytes: &Bytes, condition: Condition) -> Result<(), Failure> {
        if bytes.len() > self.limits.part_bytes {
            self.write_in_parts(name, bytes, condition).await
        } else {
            self.write_at_once(name, bytes, condition).await
        }
    }

    /// Writes an object where none stands, and says what it found where one does.
    pub(crate) async fn write_if_absent(&self, name: &str, bytes: &Bytes) -> Result<ConditionalPut, Failure> {
        let mut pause = self.limits.backoff;
        for _ in 1..Limits::CONFLICTS {
            match self.write(name, bytes, Condition::Absent).await {
                Ok(()) => return Ok(ConditionalPut::Written),
                // Also where an earlier attempt of this very request was answered into the void.
                Err(Failure::Stands) => match self.standing(name, bytes).await? {
                    Standing::Same => return Ok(ConditionalPut::Identical),
                    Standing::Other => return Ok(ConditionalPut::Different),
                    Standing::Nothing => {}
                },
                Err(Failure::Conflict) => {}
                Err(failure) => return Err(failure),
            }
            // Who was in the way is done then, or has removed what stood.
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(Failure::Conflict)
    }

    pub(crate) async fn write_at_once(
        &self,
        name: &str,
        bytes: &Bytes,
        condition: Condition,
    ) -> Result<(), Failure> {
        let (encryption, key) = self.encryption();
        let put = self.client.put_object().bucket(&self.location.bucket).key(name);
        let put = put
            .set_expected_bucket_owner(self.location.owner.clone())
            .set_if_none_match(condition.if_none_match())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key)
            .body(ByteStream::from(bytes.clone()));
        put.send().await.map(drop).map_err(Failure::of)
    }

    /// Removes an object, whether or not it is there.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Failure> {
        let delete = self.client.delete_object().bucket(&self.location.bucket).key(name);
        let delete = delete.set_expected_bucket_owner(self.location.owner.clone());
        match delete.send().await.map_err(Failure::of) {
            Err(failure) if failure.is_no_object() => Ok(()),
            done => done.map(drop),
        }
    }

    pub(crate) fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.location.encryption {
            None => (None, None),
            Some(Encryption::S3) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }
}
