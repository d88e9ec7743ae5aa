//! What is pending, by the id of the event that began it.

use super::Run;
use super::chunks::{Changed, bucket_of, ids_of};
use super::collection::{Beside, Collection, Item, Touch, Wants};
use super::collections::PendingKind;
use super::deadlines::Due;
use super::sizes::Size;
use crate::describe::Description;
use crate::effect::{Effect, EffectKey};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::state::v1::RunSnapshot;
use std::collections::{BTreeMap, BTreeSet};

/// What is pending of one kind, in order of the events that began it, with its indexes and the buckets that changed
/// since they were last stored.
/// Debug builds count the items that are looked at: a test holds that a step looks at as many however much is pending.
#[derive(Clone, Debug)]
pub(crate) struct Pending<T> {
    /// Boxed, for a node of the map has room for eleven, and most runs have one or two.
    items: BTreeMap<i64, Box<T>>,
    /// Items by the name that they hold.
    names: BTreeMap<Box<str>, i64>,
    /// Items that may want a message sent, kept apart so that nothing scans all of them.
    busy: BTreeSet<i64>,
    changed: Changed,
    size: Size,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            names: BTreeMap::new(),
            busy: BTreeSet::new(),
            changed: Changed::default(),
            size: Size::default(),
        }
    }
}

impl<T> Pending<T> {
    /// How many have not ended, also where the workflow has not seen the end of the others.
    pub(crate) fn open(&self) -> usize {
        self.items.len() - self.size.ended
    }

    pub(crate) fn contains_key(&self, id: &i64) -> bool {
        visit();
        self.items.contains_key(id)
    }

    pub(crate) fn get(&self, id: &i64) -> Option<&T> {
        visit();
        self.items.get(id).map(Box::as_ref)
    }

    /// The item that holds this name.
    pub(crate) fn named(&self, name: &str) -> Option<&T> {
        self.get(self.names.get(name)?)
    }

    fn keys(&self) -> impl Iterator<Item = i64> + '_ {
        self.items.keys().copied().inspect(|_| visit())
    }

    fn values(&self) -> impl Iterator<Item = &T> {
        self.items.values().map(Box::as_ref).inspect(|_| visit())
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        for id in self.items.keys() {
            visit();
            self.changed.note(bucket_of(*id));
        }
        self.items.values_mut().map(Box::as_mut)
    }

    fn bucket(&self, bucket: i64) -> impl Iterator<Item = (&i64, &T)> {
        self.items.range(ids_of(bucket)).map(|(id, item)| (id, item.as_ref())).inspect(|_| visit())
    }
}

impl<T: Item> Pending<T> {
    /// Adds an item that begins.
    fn begin(&mut self, item: T, beside: &mut Beside<'_>) {
        visit();
        let id = item.id();
        self.changed.note(bucket_of(id));
        enter(&mut self.names, &mut self.busy, &item, beside);
        self.size.add(Size::of(&item));
        self.items.insert(id, Box::new(item));
    }

    /// Changes an item and keeps the indexes true. Panics where there is none: `decide` never makes such a step.
    pub(super) fn change(&mut self, id: i64, beside: &mut Beside<'_>, change: impl FnOnce(&mut T)) {
        visit();
        self.changed.note(bucket_of(id));
        let item = self.items.get_mut(&id).expect("what changes is pending");
        item.deadlines().into_iter().for_each(|(at, due)| beside.deadlines.remove(at, due));
        self.size.sub(Size::of(item.as_ref()));
        change(item);
        self.size.add(Size::of(item.as_ref()));
        index(&mut self.busy, item.as_ref(), beside);
    }

    /// Removes an item, if it is there.
    pub(super) fn end(&mut self, id: i64, beside: &mut Beside<'_>) {
        visit();
        self.changed.note(bucket_of(id));
        let Some(item) = self.items.remove(&id) else { return };
        self.size.sub(Size::of(item.as_ref()));
        if self.items.is_empty() {
            // An empty map keeps its last node.
            self.items = BTreeMap::new();
        }
        item.deadlines().into_iter().for_each(|(at, due)| beside.deadlines.remove(at, due));
        self.busy.remove(&id);
        // Another one may have taken the name over while this one's end waited.
        if self.names.get(item.name()) == Some(&id) {
            self.names.remove(item.name());
        }
        touch(item.as_ref(), beside);
    }

    /// What a chunk that it shares with others holds of an item.
    fn shared(item: &T) -> T {
        let mut shared = item.clone();
        if item.is_large() {
            shared.set_begun(None);
        }
        shared
    }
}

/// Indexes an item that is new.
fn enter<T: Item>(
    names: &mut BTreeMap<Box<str>, i64>,
    busy: &mut BTreeSet<i64>,
    item: &T,
    beside: &mut Beside<'_>,
) {
    if !item.name().is_empty() {
        names.insert(item.name().into(), item.id());
    }
    index(busy, item, beside);
}

/// Indexes what changes with an item.
fn index<T: Item>(busy: &mut BTreeSet<i64>, item: &T, beside: &mut Beside<'_>) {
    item.deadlines().into_iter().for_each(|(at, due)| beside.deadlines.add(at, due));
    if item.is_busy() {
        busy.insert(item.id());
    } else {
        busy.remove(&item.id());
    }
    touch(item, beside);
}

fn touch<T: Item>(item: &T, beside: &mut Beside<'_>) {
    if T::WANTS != Wants::Nothing {
        beside.touched.effects.insert(EffectKey::Pending(T::KIND, item.id()));
    }
}

impl<T: Item> Collection for Pending<T> {
    fn kind(&self) -> PendingKind {
        T::KIND
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn size(&self) -> Size {
        self.size
    }

    fn measure(&self, event: &Attributes, encoded: usize, size: &mut Size) -> bool {
        match T::touch(event) {
            Some(Touch::Begins) => size.add(Size::begun_by::<T>(event, encoded)),
            Some(Touch::Changes(_)) => {}
            Some(Touch::Ends(id)) => {
                size.sub(self.items.get(&id).map_or(Size::default(), |item| Size::of(item.as_ref())));
            }
            None => return false,
        }
        true
    }

    fn fold(&mut self, event: &HistoryEvent, at_ns: i64, beside: &mut Beside<'_>) -> bool {
        let Some(attributes) = &event.attributes else { return false };
        match T::touch(attributes) {
            Some(Touch::Begins) => self.begin(T::begin(event.event_id, attributes, at_ns), beside),
            Some(Touch::Changes(id)) => {
                self.change(id, beside, |item| item.change(event.event_id, attributes));
            }
            Some(Touch::Ends(id)) => self.end(id, beside),
            None => return false,
        }
        true
    }

    fn wait(&mut self, event: &Attributes, beside: &mut Beside<'_>) -> bool {
        match T::touch(event) {
            Some(Touch::Changes(id) | Touch::Ends(id)) => {
                self.change(id, beside, |item| item.wait(event));
                true
            }
            Some(Touch::Begins) => unreachable!("what a workflow begins does not wait"),
            None => false,
        }
    }

    fn close(&mut self, beside: &mut Beside<'_>) {
        let first_event_id = beside.touched.first_event_id;
        let Self { items, names, busy, changed, size } = self;
        *names = BTreeMap::new();
        *size = Size::default();
        items.retain(|id, item| {
            visit();
            changed.note(bucket_of(*id));
            item.deadlines().into_iter().for_each(|(at, due)| beside.deadlines.remove(at, due));
            let stays = item.close(first_event_id);
            if stays {
                size.add(Size::of(item.as_ref()));
                enter(names, busy, item.as_ref(), beside);
            } else {
                busy.remove(id);
                touch(item.as_ref(), beside);
            }
            stays
        });
        if items.is_empty() {
            (*items, *busy) = Default::default();
        }
    }

    fn back_off(&mut self, id: i64, attempt: i32, retry_at_ns: i64, beside: &mut Beside<'_>) {
        self.change(id, beside, |item| item.back_off(attempt, retry_at_ns));
    }

    fn attempt(&self, id: i64) -> Option<i32> {
        self.get(&id).filter(|_| T::WANTS == Wants::Messages).map(T::attempt)
    }

    fn effect(&self, id: i64, run: &Run) -> Option<Effect> {
        let kind = self.get(&id)?.effect(run)?;
        Some(Effect { key: EffectKey::Pending(T::KIND, id), kind })
    }

    fn tasks(&self) -> Box<dyn Iterator<Item = i64> + '_> {
        match T::WANTS {
            Wants::Tasks => Box::new(self.keys()),
            Wants::Nothing | Wants::Messages => Box::new(std::iter::empty()),
        }
    }

    fn busy(&self) -> &BTreeSet<i64> {
        &self.busy
    }

    fn deadlines(&self, add: &mut dyn FnMut(i64, Due)) {
        self.values().flat_map(T::deadlines).for_each(|(at, due)| add(at, due));
    }

    fn describe(&self, run: &Run, description: &mut Description) {
        self.values().for_each(|item| item.describe(run, description));
    }

    fn store(&self, snapshot: &mut RunSnapshot) {
        T::place(snapshot).extend(self.values().cloned());
    }

    fn restore(&mut self, snapshot: &mut RunSnapshot) {
        for item in std::mem::take(T::place(snapshot)) {
            // Attributes that stand apart come behind what they belong to.
            match self.items.get_mut(&item.id()) {
                Some(known) => known.set_begun(item.begun().cloned()),
                None => drop(self.items.insert(item.id(), Box::new(item))),
            }
        }
        for (id, item) in &self.items {
            self.size.add(Size::of(item.as_ref()));
            if !item.name().is_empty() {
                self.names.insert(item.name().into(), *id);
            }
            if item.is_busy() {
                self.busy.insert(*id);
            }
        }
    }

    fn keep_events(&mut self, closed: bool) {
        if closed {
            // Who was told of it is no event, and no reset asks.
            *self = Self::default();
        }
        self.values_mut().for_each(T::keep_events);
        self.size = Size::default();
        self.items.values().for_each(|item| self.size.add(Size::of(item.as_ref())));
    }

    fn take_changes(&mut self, on: bool) -> BTreeSet<i64> {
        self.changed.take(on)
    }

    fn buckets(&self) -> Vec<i64> {
        let mut buckets: Vec<i64> = self.keys().map(bucket_of).collect();
        buckets.dedup();
        buckets
    }

    fn large(&self, bucket: i64) -> Vec<i64> {
        self.bucket(bucket).filter(|(_, item)| item.is_large()).map(|(id, _)| *id).collect()
    }

    fn store_bucket(&self, bucket: i64, part: &mut RunSnapshot) {
        T::place(part).extend(self.bucket(bucket).map(|(_, item)| Self::shared(item)));
    }

    fn store_begun(&self, id: i64, part: &mut RunSnapshot) {
        T::place(part).extend(self.get(&id).map(|item| {
            let mut alone = T::bare(id);
            alone.set_begun(item.begun().cloned());
            alone
        }));
    }
}

#[cfg(debug_assertions)]
thread_local! {
    static VISITED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Pending items and deadlines that this thread has looked at so far. In debug builds only.
#[cfg(debug_assertions)]
pub fn visited_items() -> u64 {
    VISITED.get()
}

/// Counts one item that is looked at; nothing in release builds.
pub(super) fn visit() {
    #[cfg(debug_assertions)]
    VISITED.set(VISITED.get() + 1);
}
