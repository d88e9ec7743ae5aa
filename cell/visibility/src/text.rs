//! What `=` means on a Text attribute.

use std::collections::BTreeSet;

/// The words of a text: runs of letters and digits in lower case.
///
/// A filter `Text = 'some words'` finds records that share at least one word with it. Engines that match text by
/// means of their own must agree with this for ASCII.
pub fn text_tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    words(text).map(str::to_lowercase)
}

/// The words of a text as they are written.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a text and a filter's value share a word.
pub(crate) fn text_matches(text: &str, wanted: &str) -> bool {
    let held: BTreeSet<String> = text_tokens(text).collect();
    text_tokens(wanted).any(|wanted| held.contains(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        assert_eq!(
            text_tokens("  Order-42, (URGENT) é ").collect::<Vec<_>>(),
            ["order", "42", "urgent", "é"]
        );
        assert_eq!(text_tokens(" -- ").next(), None);
    }

    #[test]
    fn any_word_matches_and_parts_do_not() {
        assert!(text_matches("an urgent order", "Order refund"));
        assert!(!text_matches("an urgent order", "urge"));
        assert!(!text_matches("an urgent order", ""));
    }
}
