use std::fmt;

use rand::TryRngCore;
use rand::rngs::OsRng;
use uuid::Uuid;

/// Where ids and secrets come from. Passed in, so that tests can know them.
pub trait Entropy: Send + Sync + fmt::Debug + 'static {
    /// Fills a buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);

    /// A UUID of version 4.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// `length` characters of `[a-z0-9]`, each equally likely.
    fn name(&self, length: usize) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut name = String::with_capacity(length);
        while name.len() < length {
            let mut byte = [0];
            self.fill(&mut byte);
            // 252 is the largest multiple of 36 in a byte: what is above it would favour the first characters.
            if byte[0] < 252 {
                name.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
            }
        }
        name
    }
}

/// The system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        OsRng.try_fill_bytes(buffer).expect("the system's random source works");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet_and_differ() {
        let names: std::collections::BTreeSet<String> = (0..100).map(|_| SystemEntropy.name(20)).collect();
        assert_eq!(names.len(), 100);
        for name in &names {
            assert_eq!(name.len(), 20);
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
        }
        assert_ne!(SystemEntropy.uuid(), SystemEntropy.uuid());
        assert_eq!(SystemEntropy.uuid().get_version_num(), 4);
    }
}
