//! What pieces do not start on, leaving the object store and everything else as it was.

use std::path::Path;

use atoll_test_s3::{Fault, Operation, Server};

use super::{Bucket, MARKER, cell, configure, metering};
use crate::refused::refused;
use crate::run::atoll;

const DENIED: Fault = Fault::Answer(403, "AccessDenied");

/// Both pieces are refused, with one line that begins so.
fn both_refused(folder: &Path, bucket: &Bucket, url: &str, message: &str) {
    writer_refused(folder, bucket, url, message);
    let before = bucket.names();
    refused(folder, &metering(url), &format!("atoll: {message}"));
    assert_eq!(bucket.names(), before);
}

/// A cell, which writes, is refused.
fn writer_refused(folder: &Path, bucket: &Bucket, url: &str, message: &str) {
    let before = bucket.names();
    refused(folder, &cell(url), &format!("atoll: {message}"));
    assert_eq!(bucket.names(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_not_there_or_not_ours() {
    let (bucket, folder) = (Bucket::new().await, tempfile::tempdir().unwrap());
    configure(folder.path());
    let message = format!(
        "objects s3://other/eu at {}: the bucket does not exist: create it, or correct its name",
        bucket.0.endpoint()
    );
    both_refused(folder.path(), &bucket, &bucket.0.url("other/eu"), &message);

    std::fs::create_dir(bucket.file("eu")).unwrap();
    std::fs::write(bucket.file("eu/holiday.jpg"), "mine").unwrap();
    let message = format!("{}: holds something else and no {MARKER}: ", bucket.place());
    both_refused(folder.path(), &bucket, &bucket.url(), &message);

    std::fs::write(bucket.file("eu").join(MARKER), "atoll-objects 2\n").unwrap();
    let message = format!(
        "{}: {MARKER} is of another version than this program's: start the version of Atoll that made it, or a newer \
         one",
        bucket.place()
    );
    both_refused(folder.path(), &bucket, &bucket.url(), &message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_forbids_what_is_needed() {
    let (bucket, folder) = (Bucket::new().await, tempfile::tempdir().unwrap());
    configure(folder.path());
    let remedy = "let these credentials, or this user, do that there";
    let message =
        |what: &str| format!("{}: {what} is forbidden (AccessDenied: as planned): {remedy}", bucket.place());
    for (operation, what) in [(Operation::List, "listing"), (Operation::Get, "reading")] {
        bucket.0.faults().always(operation, DENIED);
        both_refused(folder.path(), &bucket, &bucket.url(), &message(what));
        bucket.0.faults().clear();
    }
    bucket.0.faults().always(Operation::Put, DENIED);
    writer_refused(folder.path(), &bucket, &bucket.url(), &message("writing"));
    bucket.0.faults().always(Operation::Put, Fault::Unconditional);
    let message = format!("{}: does not heed If-None-Match", bucket.place());
    writer_refused(folder.path(), &bucket, &bucket.url(), &message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_none_and_another_region() {
    let (bucket, folder) = (Bucket::new().await, tempfile::tempdir().unwrap());
    configure(folder.path());
    let (id, secret) = bucket.0.keys();
    let missing = folder.path().join("no-such-file");
    for (file, problem) in [
        (bucket.0.credentials("stranger", secret), "NotSignedUp"),
        (bucket.0.credentials(id, "hush-but-wrong"), "SignatureDoesNotMatch"),
        (missing, "no credentials"),
    ] {
        let url = bucket.0.url_with("usage/eu", &file);
        both_refused(folder.path(), &bucket, &url, &format!("{}: {problem}", bucket.place()));
        for piece in [&cell(&url)[..], &metering(&url)] {
            let said = atoll(folder.path(), piece).err;
            assert!(!said.contains("hush") && !said.contains(Server::SECRET), "{said}");
            assert!(said.contains(": give credentials that it takes, in AWS_ACCESS_KEY_ID"), "{said}");
        }
    }
    bucket.0.faults().always(Operation::List, Fault::Answer(301, "PermanentRedirect"));
    let message = format!(
        "{}: is not in the region that was asked (PermanentRedirect: as planned): give the bucket's region in the URL \
         (region=...)",
        bucket.place()
    );
    both_refused(folder.path(), &bucket, &bucket.url(), &message);
}

#[test]
fn a_url_that_holds_credentials_is_none_or_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let text = "holds credentials: they belong in the environment or in a file";
    for (url, message) in [
        ("s3://sesame:sesame@usage/eu", text),
        ("s3://usage/eu?aws_secret_access_key=sesame", text),
        ("s3://usage/eu?endpoint=https://sesame:sesame@host", text),
        ("gs://sesame", "is no object store: expected s3://BUCKET/PREFIX or file:PATH"),
    ] {
        for piece in [&cell(url)[..], &metering(url)] {
            let outcome = atoll(folder.path(), piece);
            assert_eq!(outcome.code, 2, "{outcome:?}");
            assert!(outcome.err.starts_with(&format!("atoll: --objects-url {message}")), "{outcome:?}");
            assert!(!outcome.err.contains("sesame"), "{outcome:?}");
        }
        // The same in a file.
        let path = folder.path().join("metering.toml");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("objects_url = \"{url}\"\n{before}")).unwrap();
        let message = format!("atoll: the object store's URL: {message}");
        refused(folder.path(), &metering("")[..4], &message);
        std::fs::write(&path, before).unwrap();
    }
    let outcome = atoll(folder.path(), &metering("")[..4]);
    let message = "atoll: metering has no object store: give --objects-url or `objects_url`\n";
    assert_eq!((outcome.code, outcome.err.as_str()), (2, message));
}

#[test]
fn a_folder_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    std::fs::write(folder.path().join("photos/holiday.jpg"), "mine").unwrap();
    for (url, message) in [
        ("file:photos", format!("objects photos: holds something else and no {MARKER}: ")),
        ("photos/holiday.jpg", "objects photos/holiday.jpg: listing is refused (Not a directory".to_owned()),
    ] {
        for piece in [&cell(url)[..], &metering(url)] {
            refused(folder.path(), piece, &format!("atoll: {message}"));
        }
    }
}
