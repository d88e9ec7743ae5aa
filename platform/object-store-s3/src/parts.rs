//! Objects in parts.

use crate::failure::Failure;
use crate::limits::Limits;
use crate::read::Standing;
use crate::store::S3ObjectStore;
use crate::write::Condition;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::StreamExt;
use std::sync::atomic::{AtomicBool, Ordering};

impl S3ObjectStore {
    /// Writes an object in parts: the last request makes it visible, whole. Where one fails the parts are removed.
    ///
    /// A caller that goes away in the middle, or a process that is killed, leaves parts that no list shows and that
    /// cost: a lifecycle rule of the bucket removes them.
    pub(crate) async fn write_in_parts(
        &self,
        name: &str,
        bytes: &Bytes,
        condition: Condition,
    ) -> Result<(), Failure> {
        let upload = self.begin(name).await?;
        let failure = match self.upload(name, &upload, bytes).await {
            Ok(parts) => match self.complete(name, &upload, parts, condition).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            },
            Err(failure) => {
                self.abort(name, &upload).await;
                return Err(failure);
            }
        };
        let outcome = self.after_all(name, bytes, condition, failure).await;
        if outcome.is_err() {
            self.abort(name, &upload).await;
        }
        outcome
    }

    async fn begin(&self, name: &str) -> Result<String, Failure> {
        let (encryption, key) = self.encryption();
        let create = self.client.create_multipart_upload().bucket(&self.location.bucket).key(name);
        let create = create
            .set_expected_bucket_owner(self.location.owner.clone())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key)
            .checksum_algorithm(ChecksumAlgorithm::Crc32);
        let created = create.send().await.map_err(Failure::of)?;
        created.upload_id.ok_or_else(|| Failure::Away("an upload without an id".to_owned()))
    }

    async fn upload(&self, name: &str, upload: &str, bytes: &Bytes) -> Result<Vec<CompletedPart>, Failure> {
        let size = self.limits.part_bytes;
        let failed = AtomicBool::new(false);
        let parts = (1..).zip((0..bytes.len()).step_by(size)).map(|(number, from)| {
            let part = bytes.slice(from..bytes.len().min(from + size));
            let failed = &failed;
            async move {
                if failed.load(Ordering::Relaxed) {
                    return Err(Failure::Away("an earlier part failed".to_owned()));
                }
                let uploaded = self.upload_part(name, upload, number, part).await;
                failed.fetch_or(uploaded.is_err(), Ordering::Relaxed);
                uploaded
            }
        });
        // Those under way are waited for: one that arrives behind the removal of the others would stay.
        let uploaded: Vec<_> = futures::stream::iter(parts).buffered(Limits::PARTS_AT_ONCE).collect().await;
        uploaded.into_iter().collect()
    }

    async fn upload_part(
        &self,
        name: &str,
        upload: &str,
        number: i32,
        part: Bytes,
    ) -> Result<CompletedPart, Failure> {
        let request = self.client.upload_part().bucket(&self.location.bucket).key(name);
        let request = request
            .set_expected_bucket_owner(self.location.owner.clone())
            .upload_id(upload)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(part));
        let done = request.send().await.map_err(Failure::of)?;
        let completed = CompletedPart::builder().part_number(number);
        Ok(completed.set_e_tag(done.e_tag).set_checksum_crc32(done.checksum_crc32).build())
    }

    async fn complete(
        &self,
        name: &str,
        upload: &str,
        parts: Vec<CompletedPart>,
        condition: Condition,
    ) -> Result<(), Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.location.bucket).key(name);
        let complete = complete
            .set_expected_bucket_owner(self.location.owner.clone())
            .upload_id(upload)
            .multipart_upload(parts)
            .set_if_none_match(condition.if_none_match());
        complete.send().await.map(drop).map_err(Failure::of)
    }

    /// What the failure of the last request means. An attempt before it may have been carried out: the upload is no
    /// more then, and what stands says whether it was.
    async fn after_all(
        &self,
        name: &str,
        bytes: &Bytes,
        condition: Condition,
        failure: Failure,
    ) -> Result<(), Failure> {
        if matches!(failure, Failure::Stands | Failure::Conflict) {
            return Err(failure);
        }
        match (condition, self.standing(name, bytes).await) {
            (Condition::None, Ok(Standing::Same)) => Ok(()),
            (Condition::Absent, Ok(Standing::Same | Standing::Other)) => Err(Failure::Stands),
            _ => Err(failure),
        }
    }

    /// Removes the parts of an upload. One that is no more has none.
    async fn abort(&self, name: &str, upload: &str) {
        let abort = self.client.abort_multipart_upload().bucket(&self.location.bucket).key(name);
        let abort = abort.set_expected_bucket_owner(self.location.owner.clone()).upload_id(upload);
        match abort.send().await.map_err(Failure::of) {
            Ok(_) => {}
            Err(Failure::Refused { code, .. }) if code == "NoSuchUpload" => {}
            Err(failure) => {
                tracing::warn!(name, upload, %failure, "parts of an object that was not written stay in the bucket");
            }
        }
    }
}
