use super::caller::Caller;
use arc_swap::ArcSwap;
use atoll_internal_api::cell::v1::{ApplyKeySetRequest, KeyRecord};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The API keys that a cell accepts, as the control plane pushed them last. Read without a lock; never holds a secret.
#[derive(Default)]
pub struct KeySet {
    table: ArcSwap<Table>,
}

#[derive(Default)]
struct Table {
    generation: u64,
    keys: BTreeMap<String, Key>,
}

struct Key {
    secret_sha256: [u8; 32],
    /// Seconds since 1970; none never expires.
    expires_at: Option<i64>,
    caller: Arc<Caller>,
}

/// Compared with when the key id is unknown, so that an unknown id takes as long as a wrong secret.
const NO_KEY: [u8; 32] = [0; 32];

impl KeySet {
    /// Replaces all keys. A generation older than the one held changes nothing. Returns the generation now held.
    pub fn replace(&self, pushed: ApplyKeySetRequest) -> u64 {
        let keys: BTreeMap<String, Key> = pushed.keys.iter().filter_map(usable).collect();
        let table = Arc::new(Table { generation: pushed.generation, keys });
        self.table.rcu(|held| {
            if held.generation > table.generation { Arc::clone(held) } else { Arc::clone(&table) }
        });
        self.generation()
    }

    /// The generation held; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.table.load().generation
    }

    /// Whose token `keyid.secret` is; none if the key is unknown or expired or the secret is wrong.
    pub(crate) fn caller(&self, token: &str, now_seconds: i64) -> Option<Arc<Caller>> {
        let (key_id, secret) = token.split_once('.')?;
        let table = self.table.load();
        let key = table.keys.get(key_id);
        let given: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let matches: bool = given.ct_eq(key.map_or(&NO_KEY, |key| &key.secret_sha256)).into();
        let key = key.filter(|_| matches)?;
        let live = key.expires_at.is_none_or(|expires_at| now_seconds < expires_at);
        live.then(|| Arc::clone(&key.caller))
    }
}

fn usable(record: &KeyRecord) -> Option<(String, Key)> {
    if record.disabled {
        return None;
    }
    let Ok(secret_sha256) = <[u8; 32]>::try_from(record.secret_sha256.as_ref()) else {
        tracing::warn!(key_id = record.key_id, "key record without a SHA-256 left out");
        return None;
    };
    let expires_at = record.expires_at.as_ref().map(|at| at.seconds);
    let caller = Arc::new(Caller::of_key(record));
    Some((record.key_id.clone(), Key { secret_sha256, expires_at, caller }))
}
