//! The table by itself, over runs that nothing but changes has happened to.

use super::*;
use cell_engine::Time;
use cell_store::Position;
use uuid::Uuid;

fn table() -> EntityTable {
    EntityTable::new(Arc::new(Registry::default()), 7, Budget::new(1 << 30), metrics::Counter::noop())
}

fn run(n: u64) -> EntityKey {
    EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(n.into()))
}

fn at(seq: u64) -> Position {
    Position { seq, index: 0 }
}

/// A run changes, or comes to be, by the record in this row, whose ordinal is the same.
fn change(table: &mut EntityTable, n: u64, seq: u64) {
    table.get_or_create(&run(n)).expect("of a known kind");
    table.changed(&run(n), at(seq), seq).expect("it is there");
}

/// A run changes, and is stored so.
fn store(table: &mut EntityTable, n: u64, seq: u64) {
    change(table, n, seq);
    table.stored(&run(n), at(seq));
}

fn use_of(table: &mut EntityTable, n: u64) -> u64 {
    table.used(&Members { addressed: Some(run(n)), other: None })
}

/// What is said of an entity that comes to be kept aside.
fn kept() -> QuarantinedState {
    let why = "a mistake".to_owned();
    QuarantinedState { needs_log_from: None, reborn: false, unkept: None, why, since: Time(0) }
}

/// Lets go of one, looking at no more than so many.
fn let_go(table: &mut EntityTable, mut looks: usize) -> Option<EntityKey> {
    let mut failed = Vec::new();
    let gone = table.let_one_go(Which::Warm, &mut looks, &mut failed).map(|(key, _)| key);
    assert_eq!(failed, []);
    gone
}

/// The coldest that changed, and how many were looked at for them.
fn coldest(table: &mut EntityTable, limit: usize, looks: usize) -> (Vec<EntityKey>, usize) {
    let mut left = looks;
    let keys = table.coldest_dirty(limit, &mut left);
    (keys, looks - left)
}

#[test]
fn what_was_not_used_is_let_go_of_in_its_order_and_what_was_used_comes_last() {
    let mut table = table();
    (1..=3).for_each(|n| store(&mut table, n, n));
    table.complete = true;
    assert_eq!(use_of(&mut table, 1), 1, "the record that changed it last");
    assert_eq!(table.looks(Which::Warm), 6, "twice as many as there are");
    assert_eq!(let_go(&mut table, 1), None, "the first was used: the limit is reached");
    for (n, left) in [(2, 2), (3, 1), (1, 0)] {
        let forgotten = table.forgotten;
        assert_eq!(let_go(&mut table, 9), Some(run(n)));
        assert_eq!((table.residents(), table.forgotten), (left, forgotten + 1));
        assert!(!table.complete, "the store holds what is not here");
    }
    assert_eq!((let_go(&mut table, 9), table.held()), (None, 0));
}

#[test]
fn what_somebody_is_about_to_decide_on_stays_until_the_last_is_done() {
    let mut table = table();
    store(&mut table, 1, 1);
    (0..2).for_each(|_| table.pin(&run(1)));
    table.unpin(&run(1));
    assert_eq!(let_go(&mut table, 9), None);
    table.unpin(&run(1));
    assert_eq!(let_go(&mut table, 9), Some(run(1)));
}

#[test]
fn what_changed_is_let_go_of_only_once_it_is_stored_again() {
    let mut table = table();
    store(&mut table, 1, 1);
    change(&mut table, 1, 2);
    assert_eq!(let_go(&mut table, 9), None);
    table.stored(&run(1), at(2));
    assert_eq!(let_go(&mut table, 9), Some(run(1)));
}

#[test]
fn names_of_what_is_gone_are_left_out_and_those_of_what_is_here_are_not() {
    let mut table = table();
    store(&mut table, 0, 1);
    for n in 1..3_000 {
        store(&mut table, n, n);
        table.delete(&run(n), n, n);
    }
    assert!(table.looks(Which::Warm) < 3_000, "{}", table.looks(Which::Warm));
    assert_eq!(let_go(&mut table, 3_000), Some(run(0)));
}

#[test]
fn the_coldest_that_changed_come_first_and_who_was_used_since_is_as_if_changed_now() {
    let mut table = table();
    (1..=3).for_each(|n| change(&mut table, n, n));
    let first = table.dirty_since().expect("something is dirty");
    assert_eq!(coldest(&mut table, 1, 9), (vec![run(1)], 1));
    assert_eq!(coldest(&mut table, 9, 2), (vec![run(1), run(2)], 2), "as many as may be looked at");
    use_of(&mut table, 1);
    assert_eq!(coldest(&mut table, 2, 9), (vec![run(2), run(3)], 3));
    assert_eq!(coldest(&mut table, 9, 9).0, [run(2), run(3), run(1)]);
    assert_eq!(table.dirty(), 3);
    assert!(table.dirty_since() > Some(first));
}

#[test]
fn the_log_is_needed_from_the_first_row_that_somebody_lacks() {
    let mut table = table();
    assert_eq!(table.needed_from(9), None);
    (1..=2).for_each(|n| change(&mut table, n, 4));
    change(&mut table, 3, 5);
    table.stored(&run(1), at(4));
    assert_eq!(table.needed_from(9), Some(4), "the other lacks it still");
    table.stored(&run(2), at(4));
    assert_eq!(table.needed_from(9), Some(5));
    // It changes while it is written, twice.
    change(&mut table, 3, 7);
    change(&mut table, 3, 8);
    table.stored(&run(3), at(7));
    assert_eq!((table.needed_from(9), table.first_dirty(&run(3))), (Some(7), Some(7)));
    table.stored(&run(3), at(8));
    assert_eq!((table.needed_from(9), table.dirty()), (None, 0));
}

#[test]
fn a_deletion_holds_the_log_until_it_is_durable() {
    let mut table = table();
    change(&mut table, 1, 1);
    table.delete(&run(1), 2, 2);
    assert_eq!((table.needed_from(1), table.to_remove(1)), (Some(1), vec![]));
    assert_eq!((table.needed_from(2), table.to_remove(2).len()), (None, 1));
    assert_eq!(use_of(&mut table, 1), 2, "whoever finds that it is gone waits for that");
}

#[test]
fn a_deletion_is_forgotten_once_its_rows_are_gone_and_nobody_is_loading_its_name() {
    let mut table = table();
    store(&mut table, 1, 1);
    table.delete(&run(1), 2, 2);
    let gone = table.to_remove(2);
    table.pin(&run(1));
    let forgotten = table.forgotten;
    table.rows_are_gone(&gone);
    assert_eq!(table.forgotten, forgotten + 1, "what was read before may be old");
    assert!(matches!(table.find(&run(1)), Known::Absent), "what is being read may be of before");
    table.unpin(&run(1));
    table.rows_are_gone(&gone);
    assert!(matches!(table.find(&run(1)), Known::Unloaded));
    let forgotten = table.forgotten;
    table.rows_are_gone(&[]);
    assert_eq!(table.forgotten, forgotten, "nothing went");
    // It comes back and goes again while the rows of before are removed.
    store(&mut table, 1, 3);
    table.delete(&run(1), 4, 4);
    table.rows_are_gone(&gone);
    assert!(matches!(table.find(&run(1)), Known::Absent), "the second deletion stands for itself");
    assert_eq!(table.emptied().forgotten, table.forgotten + 1, "everything was let go of");
}

#[test]
fn what_comes_back_needs_its_deletion_in_the_log_until_it_is_stored() {
    let mut table = table();
    store(&mut table, 1, 1);
    table.delete(&run(1), 2, 2);
    change(&mut table, 1, 3);
    let reborn = |table: &EntityTable| table.get(&run(1)).expect("it is back").core.reborn;
    assert!(reborn(&table), "rows of before may stand");
    change(&mut table, 1, 4);
    assert!(reborn(&table));
    assert_eq!(table.needed_from(9), Some(2));
    table.stored(&run(1), at(4));
    assert_eq!(table.needed_from(9), None);
}

#[test]
fn what_is_kept_aside_needs_the_log_until_all_of_that_row_on_stands_elsewhere() {
    let mut table = table();
    change(&mut table, 1, 3);
    table.quarantine(&run(1), kept());
    assert_eq!(table.needed_from(9), Some(3));
    table.needs_no_log(&run(1), 2);
    assert_eq!(table.needed_from(9), Some(3), "that was said of another row");
    table.needs_no_log(&run(1), 3);
    assert_eq!(table.needed_from(9), None);
    assert_eq!((table.residents(), table.dirty()), (0, 0));
}

#[test]
fn what_holds_the_log_is_counted_and_one_of_it_is_named() {
    let mut table = table();
    for n in 1..=3 {
        change(&mut table, n, n);
        table.quarantine(&run(n), kept());
        assert_eq!((table.has_unkept(), table.unkept_problem(7).is_some()), (n > 1, n > 1));
        table.cannot_keep(&run(n), "a page");
    }
    let said = "7 bytes of log are kept for 3 entities that are kept aside, of \"w\" for one: a page";
    assert_eq!(table.unkept_problem(7).as_deref(), Some(said));
}

#[test]
fn a_row_lacks_what_the_log_or_a_row_apart_holds_of_its_entity() {
    let mut table = table();
    let lacks = |table: &EntityTable| {
        assert!(!table.row_lacks_steps(&run(2)) && !table.rows_lack_steps_in(Uuid::max()));
        (table.row_lacks_steps(&run(1)), table.rows_lack_steps_in(Uuid::nil()))
    };
    change(&mut table, 1, 2);
    assert_eq!(lacks(&table), (false, false), "it is served");
    table.quarantine(&run(1), kept());
    assert_eq!(lacks(&table), (true, true));
    table.needs_no_log(&run(1), 2);
    assert_eq!(lacks(&table), (false, false));
    table.apart = Apart::stored(&[crate::names::name_of(&run(1))]);
    assert_eq!(lacks(&table), (true, true));
}

#[test]
fn absence_is_remembered_of_so_many_names_and_of_the_oldest_for_the_shortest() {
    let mut table = table();
    let ask = |table: &mut EntityTable, n| assert!(!table.insert_loaded(&run(n), Ok(None), Time(0)));
    let is_known = |table: &EntityTable, n| matches!(table.find(&run(n)), Known::Absent);
    (0..4_096).for_each(|n| ask(&mut table, n));
    assert!(is_known(&table, 0));
    ask(&mut table, 4_096);
    assert!(!is_known(&table, 0) && is_known(&table, 1) && is_known(&table, 4_096));
}

#[test]
fn the_kinds_of_a_table_are_those_of_its_shard() {
    let (kinds, memory) = (Arc::new(Registry::default()), Budget::new(1 << 20));
    let table = EntityTable::new(Arc::clone(&kinds), 7, memory, metrics::Counter::noop());
    assert!(std::ptr::eq(table.kinds(), &*kinds) && std::ptr::eq(table.emptied().kinds(), &*kinds));
}
