//! API keys: `keyid.secret`. The secret has 256 bits and is shown once; only its SHA-256 is kept, which is enough for a
//! secret that nobody can guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::entropy::Entropy;

/// Length of a key's id.
const ID_LENGTH: usize = 20;
/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 256;

/// A key that was just made.
pub(crate) struct NewKey {
    pub(crate) id: String,
    /// What its owner shows; never kept.
    pub(crate) token: String,
    pub(crate) secret_sha256: [u8; 32],
}

/// Makes a key.
pub(crate) fn mint(entropy: &dyn Entropy) -> NewKey {
    let id = entropy.name(ID_LENGTH);
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    NewKey { token: format!("{id}.{secret}"), secret_sha256: hash(&secret), id }
}

/// The two parts of a token: key id and secret.
pub(crate) fn parse(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
}

/// SHA-256 of the secret's text: what is kept of it, and what cells compare with.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether `secret` is the one of that hash, in constant time.
pub(crate) fn matches(secret: &str, expected: &[u8; 32]) -> bool {
    hash(secret).ct_eq(expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn a_minted_token_is_its_id_and_a_secret_that_matches() {
        let key = mint(&SystemEntropy);
        let (id, secret) = parse(&key.token).unwrap();
        assert_eq!(id, key.id);
        assert_eq!(secret.len(), 43);
        assert!(matches(secret, &key.secret_sha256));
        assert!(!matches("wrong", &key.secret_sha256));
        assert_ne!(mint(&SystemEntropy).token, key.token);
    }

    /// Cells hash the same way: this vector is frozen.
    #[test]
    fn the_hash_is_sha_256_of_the_text() {
        let expected = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(hex::encode(hash("test")), expected);
    }

    #[test]
    fn what_is_not_a_token_has_no_parts() {
        for wrong in ["", "abc", ".secret", "id.", &format!("id.{}", "x".repeat(300))] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
