//! Pages of lists. A page token is the last id of the page before, made opaque, after a mark of the list that it
//! belongs to: another list's token is refused instead of skipping entries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// Entries on a page where the caller does not say.
const DEFAULT_SIZE: i32 = 100;
/// Most entries on a page.
const MAX_SIZE: i32 = 1_000;

/// Bytes of a token that mark its list.
const MARK: usize = 8;
/// Longest token that is looked at; the longest id is far shorter.
const MAX_TOKEN: usize = 1_024;

/// What a list call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Entries on it.
    pub(crate) size: usize,
    /// The id that the page before ended with; empty for the first.
    pub(crate) after: String,
    mark: [u8; MARK],
}

impl Page {
    /// The page that a call asks for. `list` names the list with its account and filters: tokens of others are
    /// INVALID_ARGUMENT.
    pub(crate) fn parse(list: &[&str], size: i32, token: &str) -> Result<Self, ApiError> {
        if !(0..=MAX_SIZE).contains(&size) {
            return Err(ApiError::InvalidArgument(format!("page_size takes 0 to {MAX_SIZE}")));
        }
        let size = if size == 0 { DEFAULT_SIZE } else { size };
        let invalid = |what: &str| ApiError::InvalidArgument(format!("page_token is {what}"));
        let mark = mark(list);
        let after = if token.is_empty() {
            String::new()
        } else {
            let bytes = Some(token).filter(|token| token.len() <= MAX_TOKEN);
            let bytes = bytes.and_then(|token| URL_SAFE_NO_PAD.decode(token).ok());
            let bytes = bytes.filter(|bytes| bytes.len() > MARK).ok_or_else(|| invalid("malformed"))?;
            let (given, after) = bytes.split_at(MARK);
            if given != mark {
                return Err(invalid("not one of this list with these filters"));
            }
            let after = String::from_utf8(after.to_vec()).map_err(|_| invalid("malformed"))?;
            // No id has one, and a database may not take it.
            if after.chars().any(char::is_control) {
                return Err(invalid("malformed"));
            }
            after
        };
        Ok(Self { size: size.unsigned_abs() as usize, after, mark })
    }

    /// How many to read: one more than the page takes, to know whether another follows.
    pub(crate) fn limit(&self) -> i64 {
        self.size as i64 + 1
    }

    /// Cuts what was read to the page, and gives the token of the next, empty for the last.
    pub(crate) fn cut<T>(&self, entries: &mut Vec<T>, id: impl Fn(&T) -> String) -> String {
        if entries.len() <= self.size {
            return String::new();
        }
        entries.truncate(self.size);
        let token = |last| URL_SAFE_NO_PAD.encode([&self.mark, id(last).as_bytes()].concat());
        entries.last().map(token).unwrap_or_default()
    }
}

/// A mark of a list. It keeps callers from mistakes, not from anything that they may not see.
fn mark(list: &[&str]) -> [u8; MARK] {
    let mut hash = Sha256::new();
    for part in list {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    std::array::from_fn({
        let hash = hash.finalize();
        move |index| hash[index]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_walk_a_list_to_its_end() {
        let all: Vec<String> = (0..7).map(|i| format!("id{i}")).collect();
        let (mut token, mut seen) = (String::new(), Vec::new());
        for _ in 0..3 {
            let page = Page::parse(&["all"], 3, &token).unwrap();
            let mut read: Vec<String> =
                all.iter().filter(|id| **id > page.after).take(page.limit() as usize).cloned().collect();
            token = page.cut(&mut read, Clone::clone);
            seen.extend(read);
        }
        assert_eq!(seen, all);
        assert_eq!(token, "");
    }

    #[test]
    fn sizes_and_tokens_are_checked() {
        assert_eq!(Page::parse(&[], 0, "").unwrap().size, 100);
        let long = "A".repeat(MAX_TOKEN + 4);
        for (size, token) in [(-1, ""), (1_001, ""), (10, "!!"), (10, "_w"), (10, "AAAA"), (10, &long)] {
            let page = Page::parse(&[], size, token);
            assert!(matches!(page, Err(ApiError::InvalidArgument(_))), "{size} {token}");
        }
    }

    #[test]
    fn what_is_in_no_id_is_in_no_token() {
        let token = Page::parse(&["all"], 1, "").unwrap().cut(&mut vec!["a\0", "b"], |id| (*id).to_owned());
        assert!(matches!(Page::parse(&["all"], 1, &token), Err(ApiError::InvalidArgument(_))));
    }

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let own = ["GetNamespaces", "acct1", "orders"];
        let token = Page::parse(&own, 1, "").unwrap().cut(&mut vec!["a", "b"], |id| (*id).to_owned());
        assert_eq!(Page::parse(&own, 1, &token).unwrap().after, "a");
        for other in [
            ["GetUsers", "acct1", "orders"],
            ["GetNamespaces", "acct2", "orders"],
            ["GetNamespaces", "acct1o", "rders"],
        ] {
            assert!(matches!(Page::parse(&other, 1, &token), Err(ApiError::InvalidArgument(_))), "{other:?}");
        }
    }
}
