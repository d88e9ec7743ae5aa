//! What values of clients take in memory: their bytes, and what they are spread over.

use atoll_api::temporal::api::common::v1::Payload;
use atoll_internal_api::values::Values;
use prost::Message;
use std::collections::BTreeMap;

/// Bytes of a message.
pub(super) fn message<M: Message + Values>(message: &M) -> usize {
    message.encoded_len() + message.tally().spread
}

/// Bytes of a map.
pub(super) fn fields(fields: &BTreeMap<String, Payload>) -> usize {
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.encoded_len()).sum();
    bytes + fields.tally().spread
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::temporal::api::common::v1::Payloads;

    #[test]
    fn values_count_with_what_they_are_spread_over() {
        let payload = Payload { data: vec![7; 10].into(), ..Default::default() };
        let both = Payloads { payloads: vec![payload.clone(); 2] };
        assert_eq!(message(&both), 2 * (2 + 12) + 2 * size_of::<Payload>());
        let named = BTreeMap::from([("a".to_owned(), payload.clone()), ("bcd".to_owned(), payload)]);
        assert_eq!(fields(&named), (1 + 12) + (3 + 12) + named.tally().spread);
        assert_eq!(fields(&BTreeMap::new()), 0);
    }
}
