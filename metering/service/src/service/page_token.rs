//! Page tokens: the last row of the page before, with the list that it is of.

use atoll_api::call::Status;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::cube::{CubeKey, Kind};

/// Fields of a key in order.
type Fields = (i64, String, String, i64, String, String, String, String, String);

/// What a list is called in its tokens: all that its request selects by.
pub(super) fn list(account_id: &str, namespace: &str, start_ms: i64, end_ms: i64) -> String {
    format!("{account_id}/{namespace}/{start_ms}/{end_ms}")
}

/// The token behind `key` in `list`.
pub(super) fn encode(key: &CubeKey, list: &str) -> String {
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
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(list, fields)).expect("texts and numbers are JSON"))
}

/// The key of a token. A malformed one, and one of another list, are INVALID_ARGUMENT.
pub(super) fn decode(token: &str, list: &str) -> Result<CubeKey, Status> {
    let (of, key) = read(token).ok_or_else(|| Status::invalid_argument("page_token is malformed"))?;
    if of != list {
        return Err(Status::invalid_argument("page_token is of another account, namespace or period"));
    }
    Ok(key)
}

fn read(token: &str) -> Option<(String, CubeKey)> {
    let (list, fields): (String, Fields) =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id) = fields;
    let namespace_id = Uuid::try_parse(&namespace_id).ok()?;
    let kind = Kind::from_number(kind)?;
    let key = CubeKey {
        hour_ms,
        namespace,
        namespace_id,
        kind,
        action_type,
        project_id,
        tags,
        cell_id,
        account_id,
    };
    Some((list, key))
}

/// Before every row of the hour.
pub(crate) fn before(hour_ms: i64) -> CubeKey {
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
        let own = list("acme1", "", 0, 7_200_000);
        let token = encode(&key, &own);
        assert_eq!(decode(&token, &own).unwrap(), key);
        for other in
            [list("other", "", 0, 7_200_000), list("acme1", "a", 0, 7_200_000), list("acme1", "", 0, 1)]
        {
            assert!(decode(&token, &other).is_err(), "{other}");
        }
        for token in ["x", "AAAA", "!", "W10"] {
            assert!(decode(token, &own).is_err(), "{token}");
        }
    }
}
