//! What `=` means on a Text attribute.

/// The words of a text: runs of letters and digits in lower case.
///
/// A filter `Text = 'some words'` finds records that share at least one word with it. Engines that match text by
/// means of their own must agree with this for ASCII.
pub fn text_tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Whether a text and a filter's value share a word.
pub(crate) fn text_matches(text: &str, wanted: &str) -> bool {
    text_tokens(wanted).any(|wanted| text_tokens(text).any(|word| word == wanted))
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
