//! How pieces fall into objects.

use super::piece::Piece;

/// Encoded bytes of entries above which an object takes in no further piece. A single log row may exceed it.
pub(super) const OBJECT_BYTES: usize = 4 << 20;

/// An object that is being put together from pieces, in log order.
pub(super) struct Draft {
    /// Rows before this one are exported.
    exported: u64,
    /// Where it ends at the latest: an object of that range may stand.
    ends_at: u64,
    piece: Option<Piece>,
    /// What comes behind it does not go with it.
    ended: bool,
}

impl Draft {
    /// Of a shard whose rows before `exported` are exported, as far as this life knows.
    pub(super) fn new(exported: u64) -> Self {
        Self { exported, ends_at: u64::MAX, piece: None, ended: false }
    }

    /// As `new`, where an object that ends at this row was tried before: it ends there again, so that both are the
    /// same.
    pub(super) fn again(exported: u64, ends_at: u64) -> Self {
        Self { exported, ends_at, piece: None, ended: false }
    }

    /// Takes the next piece in, or says that the object ends before it. Of rows that are known already, from the log's
    /// tail and from the outbox, each is taken once.
    pub(super) fn take(&mut self, next: &Piece) -> bool {
        let Some(piece) = &mut self.piece else {
            // What is exported goes along: nothing of it is written again.
            let start = next.from_seq.max(self.exported);
            let mut piece = Piece { from_seq: start, to_seq: start, ..Piece::default() };
            piece.extend(next);
            self.piece = Some(piece);
            return true;
        };
        if next.to_seq <= piece.to_seq {
            return true;
        }
        let fits = piece.encoded_bytes + next.encoded_bytes <= OBJECT_BYTES && next.from_seq < self.ends_at;
        if !fits || next.from_seq > piece.to_seq || !piece.agrees(next) {
            self.ended = true;
            return false;
        }
        piece.extend(next);
        true
    }

    /// More follows that finds no room before this is told: rows without usage wait for it no longer.
    pub(super) fn ends_here(&mut self) {
        self.ended = true;
    }

    /// Whether something comes behind it that does not go with it.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What is to be written.
    pub(super) fn finish(self) -> Finished {
        match self.piece {
            None => Finished::Nothing,
            Some(piece) if piece.to_seq <= self.exported => Finished::Exported,
            Some(piece) if piece.entries.is_empty() && piece.seals.is_empty() && !self.ended => {
                Finished::Idle
            }
            Some(piece) => Finished::Object(Box::new(piece)),
        }
    }
}

/// What became of a draft.
pub(super) enum Finished {
    /// No piece came.
    Nothing,
    /// Everything in it was exported before.
    Exported,
    /// Rows without usage: they go with the next that has some.
    Idle,
    /// An object.
    Object(Box<Piece>),
}

#[cfg(test)]
mod tests {
    use super::super::piece::encoded_bytes;
    use super::*;
    use atoll_internal_api::usage::v1::{Attribution, HourSeal, PositionedEntry, UsageEntry};
    use bytes::Bytes;
    use cell_shard::Spooled;

    const ID: &[u8] = &[7; 16];

    /// An entry in each of these rows.
    fn piece(rows: std::ops::Range<u64>, project: Option<&str>) -> Piece {
        let entry = |seq| {
            let entry = UsageEntry { namespace_id: Bytes::from_static(ID), ..Default::default() };
            PositionedEntry { seq, index: 0, entry: Some(entry) }
        };
        let owner = |project: &str| Attribution {
            namespace_id: Bytes::from_static(ID),
            project_id: project.to_owned(),
            ..Default::default()
        };
        let entries: Vec<PositionedEntry> = rows.clone().map(entry).collect();
        Piece {
            from_seq: rows.start,
            to_seq: rows.end,
            at_ms: 5,
            encoded_bytes: entries.iter().map(encoded_bytes).sum(),
            entries,
            owners: project.map(|project| (Bytes::from_static(ID), owner(project))).into_iter().collect(),
            seals: Vec::new(),
        }
    }

    /// Range, entries and project of each object that these pieces become.
    fn objects(exported: u64, pieces: &[Piece]) -> Vec<(u64, u64, usize, String)> {
        let (mut objects, mut exported, mut left) = (Vec::new(), exported, pieces);
        while !left.is_empty() {
            let mut draft = Draft::new(exported);
            let taken = left.iter().take_while(|piece| draft.take(piece)).count();
            left = &left[taken..];
            match draft.finish() {
                Finished::Object(piece) => {
                    exported = piece.to_seq;
                    let object = piece.to_object();
                    assert!(object.entries.iter().all(|e| (object.from_seq..object.to_seq).contains(&e.seq)));
                    let project = object.attributions.first().map(|owner| owner.project_id.clone());
                    objects.push((
                        object.from_seq,
                        object.to_seq,
                        object.entries.len(),
                        project.unwrap_or_default(),
                    ));
                }
                Finished::Exported | Finished::Idle => {}
                Finished::Nothing => panic!("a piece was refused by an empty draft"),
            }
        }
        objects
    }

    #[test]
    fn an_object_ends_where_an_owner_changes() {
        let (a, b) = (Some("a"), Some("b"));
        let pieces = [piece(1..3, a), piece(3..4, a), piece(4..6, b), piece(6..7, a), piece(7..8, None)];
        let expected = [(1, 4, 3, "a".to_owned()), (4, 6, 2, "b".to_owned()), (6, 8, 2, "a".to_owned())];
        assert_eq!(objects(1, &pieces), expected);
        // So does a piece.
        let mut joined = piece(1..3, a);
        joined.join(piece(3..4, a)).expect("the same owner");
        assert_eq!((joined.from_seq, joined.to_seq, joined.entries.len()), (1, 4, 3));
        joined.join(piece(4..6, b)).expect_err("another owner");
        joined.join(piece(5..6, a)).expect_err("a row is missing");
        joined.join(piece(4..5, None)).expect("a removed namespace keeps the owner it had");
    }

    #[test]
    fn the_tail_of_the_log_may_repeat_what_the_outbox_holds() {
        let a = Some("a");
        // By now the namespace belongs to somebody else.
        let pieces = [piece(1..4, a), piece(3..8, Some("c")), piece(5..7, a)];
        assert_eq!(objects(1, &pieces), [(1, 4, 3, "a".to_owned()), (4, 8, 4, "c".to_owned())]);
        assert_eq!(objects(6, &pieces), [(6, 8, 2, "c".to_owned())], "what is exported is not again");
        assert!(objects(8, &pieces).is_empty());
    }

    #[test]
    fn a_gap_is_never_papered_over() {
        let pieces = [piece(1..4, None), piece(5..6, None)];
        assert_eq!(objects(1, &pieces), [(1, 4, 3, String::new()), (5, 6, 1, String::new())]);
        // Nor does it hold up what comes behind it.
        let idle = Piece { from_seq: 1, to_seq: 4, at_ms: 5, ..Piece::default() };
        assert_eq!(
            objects(1, &[idle, piece(5..6, None)]),
            [(1, 4, 0, String::new()), (5, 6, 1, String::new())]
        );
    }

    #[test]
    fn objects_are_bounded() {
        let pieces: Vec<Piece> =
            (0..60).map(|n| piece(1 + n * 4_000..1 + (n + 1) * 4_000, Some("a"))).collect();
        let objects = objects(1, &pieces);
        let per_entry = encoded_bytes(&pieces[1].entries[0]);
        assert!(objects.iter().all(|(.., entries, _)| entries * per_entry <= OBJECT_BYTES), "{objects:?}");
        assert!(objects.len() > 1);
        assert_eq!(objects.iter().map(|(.., entries, _)| entries).sum::<usize>(), 240_000);
        assert!(objects.windows(2).all(|two| two[0].1 == two[1].0), "no gap, no overlap");
    }

    #[test]
    fn rows_without_usage_wait_for_the_next_that_have_some() {
        let idle = Piece { from_seq: 1, to_seq: 9, at_ms: 5, ..Piece::default() };
        assert!(objects(1, std::slice::from_ref(&idle)).is_empty());
        assert_eq!(objects(1, &[idle.clone(), piece(9..10, None)]), [(1, 10, 1, String::new())]);
        let sealed = Piece { seals: vec![HourSeal { hour_start_ms: 0, seq: 3 }], ..idle };
        assert_eq!(objects(1, &[sealed]), [(1, 9, 0, String::new())]);
    }

    #[test]
    fn a_piece_is_cut_where_its_rows_are_another_incarnation_s() {
        let mut whole = piece(3..8, Some("a"));
        whole.seals =
            vec![HourSeal { hour_start_ms: 0, seq: 4 }, HourSeal { hour_start_ms: 3_600_000, seq: 6 }];
        let (before, behind) = (whole.of_rows(3, 6), whole.of_rows(6, 8));
        assert_eq!((before.entries.len(), before.seals.len(), before.owners.len()), (3, 1, 1));
        assert_eq!((behind.entries.len(), behind.seals.len(), behind.owners.len()), (2, 1, 1));
        assert_eq!(before.encoded_bytes + behind.encoded_bytes, whole.encoded_bytes);
        let mut joined = before;
        joined.extend(&behind);
        assert_eq!(joined, whole);
        assert!(Piece { entries: Vec::new(), ..whole }.of_rows(3, 6).owners.is_empty());
    }

    #[test]
    fn pieces_survive_the_outbox() {
        let mut kept = piece(3..6, Some("a"));
        kept.seals.push(HourSeal { hour_start_ms: 3_600_000, seq: 4 });
        assert_eq!(Piece::decode(kept.encode()), Some(kept));
        assert_eq!(Piece::decode(Bytes::from_static(b"\xff")), None);
        assert_eq!(Piece::decode(Bytes::new()), None, "a piece covers a row");
    }
}
