//! In which format an invoice is wanted (RFC 9110, section 12.5.1).

use std::cmp::Reverse;

use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};

const CSV: &str = "text/csv";
const JSON: &str = "application/json";

/// A format that invoices are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// What REST answers.
    Json,
    /// One row per line.
    Csv,
}

/// Why no format fits: the HTTP status, and a text for who asked.
pub(super) type Unfit = (StatusCode, String);

/// The format that `?format=` names; without it, the one that the `Accept` headers prefer; without those, JSON.
pub(super) fn format(query: &str, headers: &HeaderMap) -> Result<Format, Unfit> {
    let mut named = None;
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        named = match (name, value) {
            ("format", "csv") => Some(Format::Csv),
            ("format", "json") => Some(Format::Json),
            ("format", _) => {
                return Err((
                    StatusCode::BAD_REQUEST,
                    "format must be csv or json: invoices have no other".to_owned(),
                ));
            }
            _ => named,
        };
    }
    named.map_or_else(|| accepted(headers), Ok)
}

/// A query string without what is said in it about the format.
pub(super) fn without_format(query: &str) -> String {
    let others = query.split('&').filter(|pair| pair.split('=').next() != Some("format"));
    others.collect::<Vec<_>>().join("&")
}

fn accepted(headers: &HeaderMap) -> Result<Format, Unfit> {
    let ranges: Vec<(String, u16)> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(range)
        .filter(|(name, _)| !name.is_empty())
        .collect();
    if ranges.is_empty() {
        return Ok(Format::Json);
    }
    let [csv, json] = [CSV, JSON].map(|name| preference(&ranges, name));
    match (csv, json) {
        (None, None) => {
            let text = format!("an invoice is {JSON} or {CSV}: Accept names neither");
            Err((StatusCode::NOT_ACCEPTABLE, text))
        }
        // Equal only where both are taken by the same wildcard.
        (csv, json) if csv > json => Ok(Format::Csv),
        _ => Ok(Format::Json),
    }
}

/// A media range in lower case, and its weight in thousandths. A weight that is none counts as 1.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let weight = weight.and_then(|weight| weight.parse::<f32>().ok()).unwrap_or(1.0);
    (name, (weight.clamp(0.0, 1.0) * 1_000.0) as u16)
}

/// How much a type is wanted: by the weight of the most exact range that it is in, then by how exact that is, then by
/// order. None where it is refused or not named.
fn preference(ranges: &[(String, u16)], wanted: &str) -> Option<(u16, u8, Reverse<usize>)> {
    let matching = ranges.iter().enumerate().filter_map(|(index, (name, weight))| {
        let exactness = exactness(name, wanted)?;
        Some((exactness, Reverse(index), *weight))
    });
    let (exactness, index, weight) = matching.max()?;
    (weight > 0).then_some((weight, exactness, index))
}

fn exactness(range: &str, wanted: &str) -> Option<u8> {
    let (kind, _) = wanted.split_once('/')?;
    match range {
        "*/*" => Some(0),
        _ if range.strip_suffix("/*") == Some(kind) => Some(1),
        _ if range == wanted => Some(2),
        // The variants of JSON that REST knows: `application/json+pretty`.
        _ if wanted == JSON && range.starts_with("application/json+") => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn by_header(accept: &'static str) -> Result<Format, u16> {
        let headers = [(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
        format("", &headers).map_err(|(status, _)| status.as_u16())
    }

    #[test]
    fn the_header_chooses_by_weight_then_exactness_then_order() {
        for (accept, expected) in [
            ("", Ok(Format::Json)),
            ("*/*", Ok(Format::Json)),
            ("text/csv", Ok(Format::Csv)),
            ("Text/CSV; charset=utf-8", Ok(Format::Csv)),
            ("text/*", Ok(Format::Csv)),
            ("text/csv, */*", Ok(Format::Csv)),
            ("text/csv, application/json", Ok(Format::Csv)),
            ("application/json, text/csv", Ok(Format::Json)),
            ("application/json;q=0.1, text/csv;q=0.5", Ok(Format::Csv)),
            ("text/csv;q=0.5, application/json+pretty", Ok(Format::Json)),
            ("text/html, */*;q=0.8", Ok(Format::Json)),
            ("text/csv;q=0, */*", Ok(Format::Json)),
            ("text/html", Err(406)),
            ("text/csv;q=0", Err(406)),
        ] {
            assert_eq!(by_header(accept), expected, "{accept}");
        }
    }

    #[test]
    fn the_query_wins_over_the_header() {
        let csv = [(ACCEPT, HeaderValue::from_static("text/csv"))].into_iter().collect();
        assert_eq!(format("format=json", &csv), Ok(Format::Json));
        assert_eq!(format("pretty&format=csv", &HeaderMap::new()), Ok(Format::Csv));
        for unknown in ["format=pdf", "format=", "format=csv&format=xml"] {
            let (status, text) = format(unknown, &csv).unwrap_err();
            assert_eq!(status, StatusCode::BAD_REQUEST, "{unknown}: {text}");
        }
        assert_eq!(without_format("pretty&format=csv&a=b"), "pretty&a=b");
        assert_eq!(without_format("format=csv"), "");
    }
}
