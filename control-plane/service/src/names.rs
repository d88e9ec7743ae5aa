//! Names and ids that callers choose.

use crate::error::ApiError;

/// Longest `async_operation_id`.
const MAX_OPERATION_ID: usize = 128;
/// Longest id of a resource in a request; none that is given out is longer.
const MAX_ID: usize = 128;
/// Longest name or description for people.
const MAX_DISPLAY: usize = 256;
/// Tags of a namespace.
const MAX_TAGS: usize = 10;
/// Length of a namespace's name.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 2..=39;

/// Checks a namespace's name: `[a-z][a-z0-9-]{1,38}`.
pub(crate) fn check_namespace_name(name: &str) -> Result<(), ApiError> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
    let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if starts && rest && NAME_LENGTH.contains(&name.len()) {
        return Ok(());
    }
    Err(ApiError::InvalidArgument(format!(
        "namespace name {:?} is invalid: it takes 2 to 39 characters, a lowercase letter first, then lowercase letters, digits and hyphens",
        shortened(name)
    )))
}

/// `<name>.<account>`: a namespace's cloud id.
pub(crate) fn cloud_id(name: &str, account_id: &str) -> String {
    format!("{name}.{account_id}")
}

/// The account of a cloud id.
pub(crate) fn account_of(cloud_id: &str) -> Option<&str> {
    cloud_id.rsplit_once('.').map(|(_, account)| account).filter(|account| !account.is_empty())
}

/// Checks an `async_operation_id`; an empty one is to be made.
pub(crate) fn check_operation_id(id: &str) -> Result<(), ApiError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    if id.len() <= MAX_OPERATION_ID && id.bytes().all(allowed) {
        return Ok(());
    }
    Err(ApiError::InvalidArgument(format!(
        "async_operation_id {:?} is invalid: it takes at most {MAX_OPERATION_ID} letters, digits and -_.:",
        shortened(id)
    )))
}

/// Checks a required id of a request that names a resource. What it refuses nothing can be called, so it is refused
/// before anything is looked up, in every account alike.
pub(crate) fn check_id(field: &str, id: &str) -> Result<(), ApiError> {
    if id.is_empty() {
        return Err(ApiError::InvalidArgument(format!("{field} is required")));
    }
    check_filter(field, id)
}

/// Checks a text that a list is filtered by; empty is no filter.
pub(crate) fn check_filter(field: &str, text: &str) -> Result<(), ApiError> {
    if text.len() <= MAX_ID && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ApiError::InvalidArgument(format!(
        "{field} {:?} is invalid: it takes at most {MAX_ID} bytes without control characters",
        shortened(text)
    )))
}

/// Checks a text for people.
pub(crate) fn check_display(field: &str, text: &str) -> Result<(), ApiError> {
    if text.len() <= MAX_DISPLAY && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ApiError::InvalidArgument(format!(
        "{field} takes at most {MAX_DISPLAY} bytes without control characters"
    )))
}

/// Checks a namespace's tags: at most 10, keys and values of 1 to 63 characters of `[a-zA-Z0-9_.-@ ]`.
pub(crate) fn check_tags<'a>(
    tags: impl ExactSizeIterator<Item = (&'a String, &'a String)>,
) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(ApiError::InvalidArgument(format!("a namespace takes at most {MAX_TAGS} tags")));
    }
    let fits = |text: &str| {
        (1..=63).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@' | b' '))
    };
    for (key, value) in tags {
        if !fits(key) || !fits(value) {
            return Err(ApiError::InvalidArgument(format!(
                "tag {:?} is invalid: keys and values take 1 to 63 letters, digits, spaces and _.-@",
                shortened(key)
            )));
        }
    }
    Ok(())
}

/// A text that is safe to repeat in an error message.
pub(crate) fn shortened(text: &str) -> &str {
    let end = (0..=text.len().min(64)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_names_keep_to_their_rule() {
        for good in ["ab", "orders", "orders-eu-1", "a0", "a-", &"a".repeat(39)] {
            assert!(check_namespace_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "1a", "-a", "Orders", "a.b", "a_b", "ä1", &"a".repeat(40), &"ä".repeat(100)] {
            assert!(matches!(check_namespace_name(bad), Err(ApiError::InvalidArgument(_))), "{bad}");
        }
    }

    #[test]
    fn the_account_stands_behind_the_last_dot() {
        assert_eq!(account_of("orders.x1y2z"), Some("x1y2z"));
        assert_eq!(account_of("a.b.x1y2z"), Some("x1y2z"));
        for none in ["orders", "", "orders."] {
            assert_eq!(account_of(none), None);
        }
        assert_eq!(cloud_id("orders", "x1y2z"), "orders.x1y2z");
    }

    #[test]
    fn operation_ids_texts_and_tags_have_limits() {
        assert!(check_operation_id("").is_ok());
        assert!(check_operation_id("tf-2024_01.a:b").is_ok());
        assert!(check_operation_id("a/b").is_err());
        assert!(check_operation_id(&"a".repeat(129)).is_err());
        assert!(check_id("key_id", &"a".repeat(128)).is_ok());
        assert!(check_filter("name", "").is_ok());
        for bad in ["", "a\nb", "a\0", &"a".repeat(129)] {
            assert!(matches!(check_id("key_id", bad), Err(ApiError::InvalidArgument(_))), "{bad:?}");
        }
        assert!(check_display("description", "a\nb").is_err());
        assert!(check_display("description", &"a".repeat(257)).is_err());
        let tags = |n: usize| {
            (0..n).map(|i| (format!("k{i}"), "v".to_owned())).collect::<std::collections::BTreeMap<_, _>>()
        };
        assert!(check_tags(tags(10).iter()).is_ok());
        assert!(check_tags(tags(11).iter()).is_err());
        assert!(
            check_tags(
                [("".to_owned(), "v".to_owned())]
                    .into_iter()
                    .collect::<std::collections::BTreeMap<_, _>>()
                    .iter()
            )
            .is_err()
        );
    }
}
