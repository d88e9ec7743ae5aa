//! Pages of lists. A page token is the last id of the page before, made opaque.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::ApiError;

/// Entries on a page where the caller does not say.
const DEFAULT_SIZE: i32 = 100;
/// Most entries on a page.
const MAX_SIZE: i32 = 1_000;

/// What a list call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Entries on it.
    pub(crate) size: usize,
    /// The id that the page before ended with; empty for the first.
    pub(crate) after: String,
}

impl Page {
    pub(crate) fn parse(size: i32, token: &str) -> Result<Self, ApiError> {
        if !(0..=MAX_SIZE).contains(&size) {
            return Err(ApiError::InvalidArgument(format!("page_size takes 0 to {MAX_SIZE}")));
        }
        let size = if size == 0 { DEFAULT_SIZE } else { size };
        let after = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let after = after.ok_or_else(|| ApiError::InvalidArgument("page_token is malformed".to_owned()))?;
        Ok(Self { size: size.unsigned_abs() as usize, after })
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
        entries.last().map(|last| URL_SAFE_NO_PAD.encode(id(last))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_walk_a_list_to_its_end() {
        let all: Vec<String> = (0..7).map(|i| format!("id{i}")).collect();
        let (mut token, mut seen) = (String::new(), Vec::new());
        for _ in 0..3 {
            let page = Page::parse(3, &token).unwrap();
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
        assert_eq!(Page::parse(0, "").unwrap().size, 100);
        for (size, token) in [(-1, ""), (1_001, ""), (10, "!!"), (10, "_w")] {
            assert!(matches!(Page::parse(size, token), Err(ApiError::InvalidArgument(_))), "{size} {token}");
        }
    }
}
