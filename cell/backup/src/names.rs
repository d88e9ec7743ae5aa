//! Where backups stand in the object store.
//!
//! `backups/<cell>/manifests/<id>` and `backups/<cell>/pieces/<id>/<file>-<number>`. An id begins with the moment at
//! which it was made, so that ids sort by age.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

/// What the keys of all backups of a cell begin with.
pub fn prefix(cell_id: &str) -> String {
    format!("backups/{cell_id}/")
}

/// What the keys of a cell's manifests begin with.
pub(crate) fn manifests(cell_id: &str) -> String {
    format!("{}manifests/", prefix(cell_id))
}

/// A backup's manifest.
pub(crate) fn manifest(cell_id: &str, id: &str) -> String {
    format!("{}{id}", manifests(cell_id))
}

/// A piece of a file of a backup.
pub(crate) fn piece(cell_id: &str, id: &str, file: &str, number: u64) -> String {
    format!("{}pieces/{id}/{file}-{number:08}", prefix(cell_id))
}

/// The id of a backup that is made at this moment: `20260301T102000.000Z-` and eight digits of its own.
pub(crate) fn id(at: Timestamp, own: Uuid) -> String {
    let second = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S").to_string();
    format!("{second}.{:03}Z-{:08x}", at.as_millisecond().rem_euclid(1_000), own.as_u128() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_object_store::key::check;

    #[test]
    fn ids_sort_by_age_and_are_keys() {
        let at = |text: &str| id(text.parse().expect("a time"), Uuid::from_u128(0xfeed_beef));
        let ids = [at("2026-03-01T10:20:00Z"), at("2026-03-01T10:20:00.07Z"), at("2026-12-01T00:00:00.9Z")];
        assert_eq!(ids[0], "20260301T102000.000Z-feedbeef");
        assert!(ids.is_sorted());
        for key in [manifest("cell-a", &ids[0]), piece("cell-a", &ids[0], "cell", 7)] {
            check(&key).expect("a key");
            assert!(key.starts_with(&prefix("cell-a")));
        }
    }
}
