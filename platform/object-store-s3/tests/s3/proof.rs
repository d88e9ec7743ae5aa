//! Which bucket is fit, and that finding out leaves nothing behind.

use super::{Bucket, limits};
use atoll_object_store::fit::MARKER;
use atoll_object_store::{ConditionalPut, ObjectStore, Unfit, Use};
use atoll_object_store_s3::{Limits, S3Location, S3ObjectStore};
use atoll_test_s3::{Fault, Operation, Server};
use bytes::Bytes;
use std::path::Path;
use std::time::Duration;

const DENIED: Fault = Fault::Answer(403, "AccessDenied");

/// Names of a bucket's files.
fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            names.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

impl Bucket {
    fn files(&self) -> Vec<String> {
        files(&self.server.bucket("bucket"))
    }

    async fn prove(&self, used: Use) -> Result<(), Unfit> {
        S3ObjectStore::with_limits(self.location(), used, limits()).await.prove().await
    }

    /// Proves it for both uses; the message, which is one line, names the place and holds no secret.
    async fn unfit(&self) -> Unfit {
        let unfit = self.prove(Use::Write).await.unwrap_err();
        assert_eq!(self.prove(Use::Read).await.unwrap_err(), unfit);
        checked(unfit)
    }
}

fn checked(unfit: Unfit) -> Unfit {
    let text = format!("{unfit} {unfit:?}");
    assert!(!text.contains('\n') && !text.contains(Server::SECRET) && text.starts_with("s3://"), "{text}");
    unfit
}

#[tokio::test]
async fn the_first_start_puts_one_object_and_the_next_ones_none() {
    let bucket = Bucket::at("eu").await;
    bucket.prove(Use::Read).await.unwrap();
    assert_eq!(bucket.files(), [""; 0], "a reader writes nothing");
    for _ in 0..3 {
        bucket.prove(Use::Write).await.unwrap();
        assert_eq!(bucket.files(), [format!("eu/{MARKER}")]);
    }
    bucket.prove(Use::Read).await.unwrap();
    assert_eq!(bucket.server.leftovers(), [""; 0]);
}

#[tokio::test]
async fn of_processes_that_start_at_once_none_is_in_anothers_way() {
    let bucket = Bucket::at("").await;
    let starts = (0..8).map(|number| bucket.prove(if number % 3 == 0 { Use::Read } else { Use::Write }));
    for start in futures::future::join_all(starts).await {
        start.unwrap();
    }
    assert_eq!(bucket.files(), [MARKER]);
}

#[tokio::test]
async fn a_bucket_that_is_not_there() {
    let bucket = Bucket::at("eu").await;
    let location = S3Location { bucket: "other".to_owned(), ..bucket.location() };
    for used in [Use::Read, Use::Write] {
        let store = S3ObjectStore::with_limits(location.clone(), used, limits()).await;
        let unfit = checked(store.prove().await.unwrap_err());
        let expected = format!("s3://other/eu at {}: the bucket does not exist", bucket.server.endpoint());
        assert_eq!(unfit.to_string(), expected);
    }
    assert!(!bucket.server.bucket("other").exists());
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let bucket = Bucket::at("").await;
    let folder = bucket.server.bucket("bucket");
    std::fs::write(folder.join("somebodys"), "object").unwrap();
    assert!(matches!(bucket.unfit().await, Unfit::Foreign { .. }));
    assert_eq!(bucket.files(), ["somebodys"]);
    for (marker, in_words) in
        [("atoll-objects 2\n", "of another version"), ("something else", "of another version")]
    {
        std::fs::write(folder.join(MARKER), marker).unwrap();
        let unfit = bucket.unfit().await;
        assert!(matches!(unfit, Unfit::Version { .. }) && unfit.to_string().contains(in_words), "{unfit}");
        assert_eq!(std::fs::read(folder.join(MARKER)).unwrap(), marker.as_bytes());
    }
}

#[tokio::test]
async fn another_prefix_of_the_same_bucket_may_be_ours() {
    let bucket = Bucket::at("eu").await;
    let folder = bucket.server.bucket("bucket");
    std::fs::create_dir(folder.join("us")).unwrap();
    std::fs::write(folder.join("us/object"), "somebody's").unwrap();
    bucket.prove(Use::Write).await.unwrap();
    assert_eq!(bucket.files(), [format!("eu/{MARKER}"), "us/object".to_owned()]);
}

#[tokio::test]
async fn what_is_forbidden_is_told() {
    let bucket = Bucket::at("").await;
    let faults = bucket.server.faults();
    for (operation, what) in [(Operation::List, "listing"), (Operation::Get, "reading")] {
        faults.always(operation, DENIED);
        let unfit = bucket.unfit().await;
        assert!(
            unfit.to_string().ends_with(&format!("{what} is forbidden (AccessDenied: as planned)")),
            "{unfit}"
        );
        faults.clear();
    }
    faults.always(Operation::Put, DENIED);
    let unfit = checked(bucket.prove(Use::Write).await.unwrap_err());
    assert!(unfit.to_string().ends_with("writing is forbidden (AccessDenied: as planned)"), "{unfit}");
    bucket.prove(Use::Read).await.unwrap();
    assert_eq!(bucket.files(), [""; 0]);
    faults.clear();
    bucket.prove(Use::Write).await.unwrap();
    faults.always(Operation::Put, DENIED);
    let unfit = bucket.prove(Use::Write).await.unwrap_err();
    assert!(
        matches!(unfit, Unfit::Forbidden { what: "writing", .. }),
        "also where the marker stands: {unfit}"
    );
}

#[tokio::test]
async fn wrong_credentials_and_none() {
    let bucket = Bucket::at("").await;
    let server = &bucket.server;
    let (id, secret) = server.keys();
    let missing = server.bucket("bucket").join("no-such-file");
    for (file, expected) in [
        (server.credentials("stranger", secret), "NotSignedUp"),
        (server.credentials(id, "hush-but-wrong"), "SignatureDoesNotMatch"),
        (missing, "no credentials"),
    ] {
        for used in [Use::Read, Use::Write] {
            let location = S3Location::parse(&server.url_with("bucket/eu", &file)).unwrap();
            let store = S3ObjectStore::with_limits(location, used, limits()).await;
            let unfit = checked(store.prove().await.unwrap_err());
            assert!(matches!(unfit, Unfit::Credentials { .. }), "{unfit:?}");
            let text = unfit.to_string();
            assert!(text.contains(expected) && !text.contains("hush"), "{text}");
        }
    }
    assert_eq!(bucket.files(), [""; 0]);
}

#[tokio::test]
async fn a_bucket_of_another_region() {
    let bucket = Bucket::at("").await;
    let faults = bucket.server.faults();
    for (status, code) in [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")] {
        faults.always(Operation::List, Fault::Answer(status, code));
        let unfit = bucket.unfit().await;
        assert!(matches!(unfit, Unfit::Region { .. }), "{unfit:?}");
        assert!(unfit.remedy().contains("region="), "{unfit}");
    }
    assert_eq!(bucket.files(), [""; 0]);
}

/// One writer would replace what another wrote: refused, and its marker is removed again.
#[tokio::test]
async fn a_service_that_does_not_heed_the_condition_is_refused() {
    let bucket = Bucket::at("").await;
    let faults = bucket.server.faults();
    faults.always(Operation::Put, Fault::Unconditional);
    assert!(matches!(checked(bucket.prove(Use::Write).await.unwrap_err()), Unfit::Unconditional { .. }));
    assert_eq!(bucket.files(), [""; 0]);
    faults.clear();
    bucket.prove(Use::Write).await.unwrap();
    faults.always(Operation::Put, Fault::Unconditional);
    let unfit = bucket.prove(Use::Write).await.unwrap_err();
    assert!(matches!(unfit, Unfit::Unconditional { .. }), "also where the marker stood: {unfit}");
}

/// A process may start then; what it writes first proves the bucket, and waits until it could.
#[tokio::test]
async fn a_service_that_is_away_is_asked_again_before_anything_is_written() {
    let bucket = Bucket::at("").await;
    let faults = bucket.server.faults();
    for operation in [Operation::Put, Operation::Get, Operation::List] {
        faults.always(operation, Fault::Answer(503, "SlowDown"));
    }
    let store = S3ObjectStore::with_limits(bucket.location(), Use::Write, limits()).await;
    assert!(store.prove().await.unwrap_err().is_away());
    let error = store.put("a", Bytes::from_static(b"1")).await.unwrap_err().to_string();
    assert!(error.contains("cannot be reached: answered 503 SlowDown"), "{error}");
    assert_eq!(bucket.files(), [""; 0]);
    faults.clear();
    let put = store.put_if_absent("a", Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(put, ConditionalPut::Written);
    assert_eq!(bucket.files(), [MARKER, "a"]);

    faults.always(Operation::List, Fault::Silent);
    let limits = Limits { proof: Duration::from_millis(200), ..limits() };
    let store = S3ObjectStore::with_limits(bucket.location(), Use::Write, limits.clone()).await;
    assert!(store.prove().await.unwrap_err().is_away(), "and not waited for");
    faults.clear();
    std::fs::remove_file(bucket.server.bucket("bucket").join(MARKER)).unwrap();
    let reader = S3ObjectStore::with_limits(bucket.location(), Use::Read, limits.clone()).await;
    reader.list("", None, 9).await.expect_err("what is not ours is not read, either");
    reader.get("a", 9).await.expect_err("nor is an object of it");
    let gone = S3Location { endpoint: Some("http://127.0.0.1:1".to_owned()), ..bucket.location() };
    let store = S3ObjectStore::with_limits(gone, Use::Read, limits).await;
    assert!(checked(store.prove().await.unwrap_err()).is_away(), "nobody listens there");
}

#[tokio::test]
async fn who_reads_does_not_write() {
    let bucket = Bucket::at("").await;
    bucket.store().await.put("a", Bytes::from_static(b"1")).await.unwrap();
    let reader = S3ObjectStore::with_limits(bucket.location(), Use::Read, limits()).await;
    let seen = bucket.server.faults().seen(Operation::Put);
    reader.put("a", Bytes::new()).await.unwrap_err();
    reader.put_if_absent("b", Bytes::new()).await.unwrap_err();
    reader.delete("a").await.unwrap_err();
    assert_eq!(reader.get("a", 9).await.unwrap(), Some(Bytes::from_static(b"1")));
    assert_eq!(bucket.server.faults().seen(Operation::Put), seen);
}
