//! Percent-encoding of paths and query strings.

/// Decodes the percent-encoding of one segment of a path; none where it is malformed, or not UTF-8 then.
pub fn decode_segment(segment: &str) -> Option<String> {
    decode(segment, false)
}

/// The parameters of a query string in order; none where one of them is malformed.
pub(super) fn parameters(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key, true)?, decode(value, true)?))
        })
        .collect()
}

fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &tail[2..];
            }
            b'+' if plus_is_space => out.push(b' '),
            other => out.push(*other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_spaces_come_through_a_segment() {
        assert_eq!(decode_segment("order%2F7%20a+b").as_deref(), Some("order/7 a+b"));
        assert_eq!(decode_segment("%ff"), None);
        assert_eq!(decode_segment("%4"), None);
    }

    #[test]
    fn parameters_keep_order_and_repetition() {
        let parameters = parameters("a.b=1&x=a+b&x=%26&flag&&").unwrap();
        let expected = [("a.b", "1"), ("x", "a b"), ("x", "&"), ("flag", "")];
        assert_eq!(parameters, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        for malformed in ["a=%zz", "a=1&%ff", "a=%4"] {
            assert_eq!(super::parameters(malformed), None, "{malformed}");
        }
    }
}
