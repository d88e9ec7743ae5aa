//! Every engine passes the suite, also behind the engines that fail; one that breaks its promise does not.

use async_trait::async_trait;
use atoll_object_store::conformance::Storage;
use atoll_object_store::fault::{
    CrashObjects, FaultObjects, ObjectCall, ObjectFault, ObjectFaultRates, SyncMode,
};
use atoll_object_store::{
    ConditionalPut, LocalObjectStore, MemoryObjectStore, ObjectStore, conformance, conformance_tests,
};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A folder; gone with the test, and then it must hold no temporary file.
struct Folder(tempfile::TempDir);

#[async_trait]
impl Storage for Folder {
    async fn start(&self) -> Arc<dyn ObjectStore> {
        Arc::new(LocalObjectStore::open(self.0.path()).expect("opens"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let left: Vec<_> = walk(self.0.path()).into_iter().filter(|entry| entry.ends_with(".tmp")).collect();
        assert!(left.is_empty() || std::thread::panicking(), "temporary files were left: {left:?}");
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] })
        .collect()
}

/// A piece of memory that no crash takes away.
struct Memory(Arc<dyn ObjectStore>);

#[async_trait]
impl Storage for Memory {
    async fn start(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.0)
    }
}

/// A disk behind a page cache.
struct Crashing(CrashObjects);

#[async_trait]
impl Storage for Crashing {
    async fn start(&self) -> Arc<dyn ObjectStore> {
        self.0.crash(0, false);
        self.0.start()
    }
}

conformance_tests!(local, async { Folder(tempfile::tempdir().unwrap()) });
conformance_tests!(memory, async { Memory(Arc::new(MemoryObjectStore::default())) });
conformance_tests!(faults_that_nobody_planned, async {
    Memory(Arc::new(FaultObjects::new(Arc::new(MemoryObjectStore::default()), 1)))
});
conformance_tests!(crashes_that_lose_nothing, async { Crashing(CrashObjects::new(SyncMode::BeforeAnswer)) });

#[tokio::test]
async fn an_engine_that_does_not_sync_is_found_out() {
    let place = Crashing(CrashObjects::new(SyncMode::Never));
    let suite = tokio::spawn(async move { conformance::crashes::what_was_answered_survives(&place).await });
    suite.await.expect_err("a put survives that was never synced");
}

#[tokio::test(start_paused = true)]
async fn faults_do_what_they_say() {
    let inner = Arc::new(MemoryObjectStore::default());
    let store = FaultObjects::new(Arc::clone(&inner) as Arc<dyn ObjectStore>, 1);
    let object = || Bytes::from_static(b"object");
    store.script(ObjectCall::PutIfAbsent, ObjectFault::Before);
    store.put_if_absent("a", object()).await.expect_err("fails");
    assert_eq!(inner.get("a", 9).await.unwrap(), None);
    store.script(ObjectCall::PutIfAbsent, ObjectFault::After);
    store.put_if_absent("a", object()).await.expect_err("the acknowledgement is lost");
    let again = store.put_if_absent("a", object()).await.unwrap();
    assert_eq!(again, ConditionalPut::Identical, "it had taken effect");
    store.script(ObjectCall::Put, ObjectFault::Torn(3));
    store.put("b", object()).await.expect_err("fails");
    assert_eq!(store.get("b", 9).await.unwrap(), Some(Bytes::from_static(b"obj")));
    let began = tokio::time::Instant::now();
    store.script(ObjectCall::Get, ObjectFault::Delay(Duration::from_secs(60)));
    assert_eq!(store.get("a", 9).await.unwrap(), Some(object()));
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    let gate = Arc::new(Semaphore::new(0));
    store.script(ObjectCall::Delete, ObjectFault::HoldAfter(Arc::clone(&gate)));
    let held = store.delete("a");
    tokio::pin!(held);
    assert!(still_waits(held.as_mut()).await, "it waits");
    assert_eq!(inner.get("a", 9).await.unwrap(), None, "and has taken effect");
    gate.add_permits(1);
    held.await.unwrap();
    store.set_away(true);
    store.list("", None, 9).await.expect_err("away");
    store.set_away(false);
    assert_eq!(store.list("", None, 9).await.unwrap(), ["b"]);
    assert_eq!(store.calls(ObjectCall::PutIfAbsent), 3);
    store.set_rates(ObjectFaultRates { before: 0.5, after: 0.5 });
    store.get("b", 9).await.expect_err("one of the two, always");
}

/// Whether a call still waits after everything else has had its turn.
async fn still_waits<F: Future>(call: std::pin::Pin<&mut F>) -> bool {
    tokio::time::timeout(Duration::from_secs(1), call).await.is_err()
}

#[tokio::test]
async fn a_crash_keeps_what_was_synced_and_what_the_test_says_of_the_rest() {
    for (kept, torn, expected) in [(0, false, None), (0, true, Some(&b"ob"[..])), (1, false, Some(b"obje"))] {
        let place = CrashObjects::new(SyncMode::BeforeAnswer);
        let store = place.start();
        store.put("synced", Bytes::from_static(b"whole")).await.unwrap();
        let gate = Arc::new(Semaphore::new(0));
        place.hold_next_sync(Arc::clone(&gate));
        let writer = Arc::clone(&store);
        let write = tokio::spawn(async move { writer.put("a", Bytes::from_static(b"obje")).await });
        while place.unsynced() == 0 {
            tokio::task::yield_now().await;
        }
        place.crash(kept, torn);
        gate.add_permits(1);
        write.await.unwrap().expect_err("its process is gone");
        store.get("synced", 9).await.expect_err("so is this one");
        let store = place.start();
        assert_eq!(store.get("synced", 9).await.unwrap(), Some(Bytes::from_static(b"whole")));
        assert_eq!(store.get("a", 9).await.unwrap().as_deref(), expected);
    }
}
