//! Page tokens: the last row of the page before.

use atoll_api::call::Status;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::cube::{CubeKey, Kind};

/// Fields of a key in order.
type Fields = (i64, String, String, i64, String, String, String, String, String);

/// The token behind `key`.
pub(super) fn encode(key: &CubeKey) -> String {
    let CubeKey {
        hour_ms,
        namespace,
        namespace_id,
        kind,
        action_type,
        project_id,
        tags,
        cell_id,
        account_id,
    } = key.clone();
    let fields: Fields = (
        hour_ms,
        namespace,
        namespace_id.to_string(),
        kind as i64,
        action_type,
        project_id,
        tags,
        cell_id,
        account_id,
    );
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&fields).expect("texts and numbers are JSON"))
}

/// The key of a token. A malformed one is INVALID_ARGUMENT.
pub(super) fn decode(token: &str) -> Result<CubeKey, Status> {
    read(token).ok_or_else(|| Status::invalid_argument("page_token is malformed"))
}

fn read(token: &str) -> Option<CubeKey> {
    let fields: Fields = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id) = fields;
    let namespace_id = Uuid::try_parse(&namespace_id).ok()?;
    let kind = Kind::from_number(kind)?;
    Some(CubeKey {
        hour_ms,
        namespace,
        namespace_id,
        kind,
        action_type,
        project_id,
        tags,
        cell_id,
        account_id,
    })
}

/// Before every row of the hour.
pub(super) fn before(hour_ms: i64) -> CubeKey {
    CubeKey {
        hour_ms: hour_ms - 1,
        namespace: String::new(),
        namespace_id: Uuid::nil(),
        kind: Kind::Actions,
        action_type: String::new(),
        project_id: String::new(),
        tags: String::new(),
        cell_id: String::new(),
        account_id: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_nothing_else_is_one() {
        let key =
            CubeKey { tags: r#"{"a":"b"}"#.to_owned(), kind: Kind::RetainedStorage, ..before(7_200_000) };
        assert_eq!(decode(&encode(&key)).unwrap(), key);
        for token in ["x", "AAAA", "!", "W10"] {
            assert!(decode(token).is_err(), "{token}");
        }
    }
}
