//! Statements over many rows.

use std::sync::OnceLock;

/// Most rows in one statement; more go in several.
pub(super) const MAX_ROWS: usize = 64;

/// Sizes at which a statement is prepared: exact up to here, then doubling.
const EXACT: usize = 16;

/// A statement whose text holds, between braces, what is repeated for each row: `VALUES {(?, ?)}`.
pub(super) struct Batched {
    source: &'static str,
    texts: [OnceLock<String>; EXACT + 2],
}

impl Batched {
    pub(super) const fn new(source: &'static str) -> Batched {
        Batched { source, texts: [const { OnceLock::new() }; EXACT + 2] }
    }

    /// The text for the first rows of `remaining`, and how many those are.
    pub(super) fn next(&'static self, remaining: usize) -> (&'static str, usize) {
        let (index, rows) = match remaining {
            0 => (0, 1),
            1..=EXACT => (remaining - 1, remaining),
            17..32 => (EXACT - 1, EXACT),
            32..MAX_ROWS => (EXACT, 32),
            _ => (EXACT + 1, MAX_ROWS),
        };
        (self.texts[index].get_or_init(|| expand(self.source, rows)), rows)
    }

    /// Splits rows into the parts of one statement each.
    pub(super) fn parts<'a, T>(
        &'static self,
        rows: &'a [T],
    ) -> impl Iterator<Item = (&'static str, &'a [T])> {
        let mut rest = rows;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (text, count) = self.next(rest.len());
            let (part, after) = rest.split_at(count);
            rest = after;
            Some((text, part))
        })
    }
}

fn expand(source: &str, rows: usize) -> String {
    let (head, rest) = source.split_once('{').unwrap_or((source, ""));
    let (row, tail) = rest.split_once('}').unwrap_or((rest, ""));
    format!("{head}{}{tail}", vec![row; rows].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    static PAIRS: Batched = Batched::new("INSERT {(?, ?)} RETURNING 1");

    #[test]
    fn the_row_is_repeated() {
        assert_eq!(PAIRS.next(3), ("INSERT (?, ?), (?, ?), (?, ?) RETURNING 1", 3));
    }

    #[test]
    fn parts_cover_every_row_once_at_every_length() {
        for length in 0..300 {
            let rows: Vec<usize> = (0..length).collect();
            let mut seen = Vec::new();
            for (text, part) in PAIRS.parts(&rows) {
                assert_eq!(text.matches("(?, ?)").count(), part.len());
                seen.extend_from_slice(part);
            }
            assert_eq!(seen, rows);
        }
    }
}
