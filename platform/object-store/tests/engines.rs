//! Every engine passes the suite.

use atoll_object_store::{LocalObjectStore, MemoryObjectStore, ObjectStore, conformance};
use bytes::Bytes;

#[tokio::test]
async fn memory_conforms() {
    conformance::run("memory", &MemoryObjectStore::default()).await;
}

#[tokio::test]
async fn a_local_directory_conforms_and_survives_being_reopened() {
    let folder = tempfile::tempdir().unwrap();
    conformance::run("local", &LocalObjectStore::open(folder.path()).unwrap()).await;
    let store = LocalObjectStore::open(folder.path()).unwrap();
    assert_eq!(store.get("m").await.unwrap(), Some(Bytes::from_static(b"x")));
    let leftovers = std::fs::read_dir(folder.path()).unwrap().flatten();
    assert!(leftovers.into_iter().all(|entry| !entry.file_name().to_string_lossy().ends_with(".tmp")));
}
