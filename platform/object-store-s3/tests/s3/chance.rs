//! Writers and readers under faults by chance.

use super::{Bucket, limits};
use atoll_object_store::{ConditionalPut, ObjectStore};
use atoll_object_store_s3::{Limits, S3ObjectStore};
use atoll_test_s3::Rates;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

const WRITERS: u8 = 4;
const STEPS: usize = 40;
const KEYS: usize = 12;
const RATES: Rates = Rates { refused: 0.1, cut: 0.08, lost: 0.1, denied_after: 0.1, cut_answer: 0.1 };

/// An object that says whose it is in every byte: a part of one, or one of two, shows.
fn object(writer: u8, random: &mut StdRng) -> Bytes {
    let large = random.random_bool(0.05);
    let length = if large { Limits::LEAST_PART_BYTES + 500 } else { random.random_range(1..2_000) };
    let head = (length as u32).to_be_bytes();
    let bytes: Vec<u8> = head.into_iter().chain((0..length).map(|_| writer)).collect();
    bytes.into()
}

fn assert_whole(key: &str, bytes: &Bytes) {
    let length = u32::from_be_bytes(bytes[..4].try_into().expect("a head")) as usize;
    assert_eq!(bytes.len(), 4 + length, "{key} is half");
    assert!(bytes[4..].windows(2).all(|two| two[0] == two[1]), "{key} is of two writers");
}

/// What a writer knows of its keys.
#[derive(Default)]
struct Known {
    /// Objects under keys that many write once: what was acknowledged as written here.
    written: BTreeMap<String, Bytes>,
    /// Keys under which an object stands, whoever's.
    stands: Vec<String>,
    /// Objects under keys of its own: the last acknowledged one, and those that were tried since.
    own: BTreeMap<String, (Option<Bytes>, Vec<Bytes>)>,
}

async fn write(store: Arc<S3ObjectStore>, writer: u8, seed: u64) -> Known {
    let mut random = StdRng::seed_from_u64(seed);
    let mut known = Known::default();
    for _ in 0..STEPS {
        let bytes = object(writer, &mut random);
        let number = random.random_range(0..KEYS);
        if random.random_bool(0.5) {
            let key = format!("once/{number}");
            match store.put_if_absent(&key, bytes.clone()).await {
                Ok(ConditionalPut::Written) => {
                    let before = known.written.insert(key.clone(), bytes);
                    assert_eq!(before, None, "{key} was written twice");
                    known.stands.push(key);
                }
                Ok(ConditionalPut::Identical | ConditionalPut::Different) => known.stands.push(key),
                Err(_) => {}
            }
        } else {
            let key = format!("own/{writer}/{number}");
            let (acknowledged, tried) = known.own.entry(key.clone()).or_default();
            match store.put(&key, bytes.clone()).await {
                Ok(()) => (*acknowledged, *tried) = (Some(bytes), Vec::new()),
                Err(_) => tried.push(bytes),
            }
        }
        if random.random_bool(0.3) {
            let after = format!("own/{}/", random.random_range(0..WRITERS));
            let keys = store.list("", Some(&after), 8).await.unwrap_or_default();
            for key in keys {
                if let Ok(Some(read)) = store.get(&key, 16 << 20).await {
                    assert_whole(&key, &read);
                }
            }
        }
    }
    known
}

/// Nothing that was acknowledged is lost, no half object is seen, and nothing that was written once is replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_stands_whole() {
    let seed = atoll_seed::seed();
    let bucket = Bucket::at("cell").await;
    // Few attempts, so that callers meet failures, too.
    let store = Arc::new(bucket.store_within(Limits { attempts: 2, ..limits() }).await);
    bucket.server.faults().by_chance(RATES, seed);
    let writers = (0..WRITERS).map(|writer| {
        tokio::spawn(write(Arc::clone(&store), writer, seed.wrapping_add(1 + u64::from(writer))))
    });
    let known: Vec<Known> = futures::future::try_join_all(writers).await.unwrap();
    bucket.server.faults().clear();
    let get = async |key: &str| store.get(key, 16 << 20).await.unwrap();

    let mut written = BTreeMap::new();
    for (key, bytes) in known.iter().flat_map(|known| &known.written) {
        assert_eq!(written.insert(key, bytes), None, "{key} was written by two");
        assert!(get(key).await.as_ref() == Some(bytes), "{key} is another's");
    }
    assert!(written.len() > 2, "few were written: {}", written.len());
    for key in known.iter().flat_map(|known| &known.stands) {
        assert_whole(key, &get(key).await.expect("it stood"));
    }
    for (key, (acknowledged, tried)) in known.iter().flat_map(|known| &known.own) {
        let read = get(key).await;
        let may_stand = acknowledged.iter().chain(tried).any(|bytes| read.as_ref() == Some(bytes));
        assert!(may_stand || (read.is_none() && acknowledged.is_none()), "{key} is lost");
    }
    for key in store.list("", None, 10_000).await.unwrap() {
        assert_whole(&key, &get(&key).await.expect("it is listed"));
    }
}
