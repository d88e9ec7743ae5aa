//! The seam of what is pending in a run: activities, timers, children and whatever else begins with one event and ends
//! with another. Everything else in this folder goes over collections without naming them.

use super::Run;
use super::apply::Touched;
use super::chunks::is_large;
use super::collections::PendingKind;
use super::deadlines::{Deadlines, Due};
use super::sizes::Size;
use crate::describe::Description;
use crate::effect::{Effect, EffectKind};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::state::v1::RunSnapshot;
use atoll_internal_api::values::Values;
use prost::Message;
use std::collections::BTreeSet;

/// What an event means to the items of one kind.
pub(crate) enum Touch {
    /// It begins one, which goes by the event's id.
    Begins,
    /// Something happened to the one that this event began.
    Changes(i64),
    /// The one that this event began is over.
    Ends(i64),
}

/// What the items of a kind want done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wants {
    /// Nothing: they wait for a moment.
    Nothing,
    /// To be offered to workers. Their effects stand in the store's table of waiting tasks.
    Tasks,
    /// Messages to other entities. Items that want one are indexed, and back off by themselves.
    Messages,
}

/// Something that is pending in a run: the state of one activity, timer, child, ..., as it is stored.
pub(crate) trait Item: Clone + Message + Values {
    /// Which collection it belongs to.
    const KIND: PendingKind;
    /// What items of this kind want done.
    const WANTS: Wants;
    /// Attributes of the event that began it: they never change and may be large.
    type Begun: Message + Clone;

    /// What the event means to items of this kind; `None` where it is not about them.
    fn touch(event: &Attributes) -> Option<Touch>;

    /// The item that this event begins, at this moment in Unix nanoseconds.
    fn begin(event_id: i64, event: &Attributes, at_ns: i64) -> Self;

    /// An event that changes it was written.
    fn change(&mut self, event_id: i64, event: &Attributes);

    /// An event that changes or ends it waits in the buffer: it does not happen twice meanwhile.
    fn wait(&mut self, event: &Attributes);

    /// Whether the event that ends it waits in the buffer: the workflow may take its place already.
    fn has_ended(&self) -> bool {
        false
    }

    /// The run closes; `first_event_id` is the first event of that step. Whether something is left to be done for it.
    fn close(&mut self, _first_event_id: i64) -> bool {
        false
    }

    /// Takes out what is not in events.
    fn keep_events(&mut self);

    /// The event that began it.
    fn id(&self) -> i64;

    /// The name by which workflows and workers find it, which another item may take over once it is about to end; empty
    /// where there is none.
    fn name(&self) -> &str {
        ""
    }

    /// What it wants done now, if anything.
    fn effect(&self, run: &Run) -> Option<EffectKind>;

    /// Whether it may want a message sent, now or once its back-off is over.
    fn is_busy(&self) -> bool {
        false
    }

    /// Tries of the message that it wants sent.
    fn attempt(&self) -> i32 {
        0
    }

    /// Its message waits until then or, with no moment (0) given, wants to go out.
    fn back_off(&mut self, _attempt: i32, _retry_at_ns: i64) {}

    /// Its moments, as (Unix nanoseconds, what); those that do not apply are 0.
    fn deadlines(&self) -> impl IntoIterator<Item = (i64, Due)>;

    /// Tells people of it.
    fn describe(&self, _run: &Run, _description: &mut Description) {}

    /// Where items of this kind stand in a snapshot.
    fn place(snapshot: &mut RunSnapshot) -> &mut Vec<Self>;

    /// Attributes of the event that began it; `None` for a kind whose attributes are never large.
    fn begun(&self) -> Option<&Self::Begun>;

    /// Sets them.
    fn set_begun(&mut self, begun: Option<Self::Begun>);

    /// An item with nothing but an id.
    fn bare(id: i64) -> Self;

    /// Whether the attributes stand in a chunk of their own.
    fn is_large(&self) -> bool {
        self.begun().is_some_and(is_large)
    }
}

/// What goes with items: the index of deadlines, and what the step has touched.
pub(crate) struct Beside<'a> {
    pub(super) deadlines: &'a mut Deadlines,
    pub(super) touched: &'a mut Touched,
}

/// Items of one kind, whichever it is.
pub(super) trait Collection {
    fn kind(&self) -> PendingKind;
    fn is_empty(&self) -> bool;
    /// How large all of it is.
    fn size(&self) -> Size;
    /// Adds to the run's size what an event of so many bytes changes of it. Whether the event is about this collection.
    fn measure(&self, event: &Attributes, encoded: usize, size: &mut Size) -> bool;

    /// Takes an event in. Whether it is about this collection.
    fn fold(&mut self, event: &HistoryEvent, at_ns: i64, beside: &mut Beside<'_>) -> bool;
    /// Takes in an event that waits in the buffer. Whether it is about this collection.
    fn wait(&mut self, event: &Attributes, beside: &mut Beside<'_>) -> bool;
    /// The run closes: what stays are items for which something is left to be done.
    fn close(&mut self, beside: &mut Beside<'_>);
    /// The message of an item waits, or wants to go out again.
    fn back_off(&mut self, id: i64, attempt: i32, retry_at_ns: i64, beside: &mut Beside<'_>);

    /// How often the message of an item was tried; `None` where there is no such item, or its kind sends none.
    fn attempt(&self, id: i64) -> Option<i32>;
    /// What an item wants done now.
    fn effect(&self, id: i64, run: &Run) -> Option<Effect>;
    /// Items that are offered to workers, or are waiting to be.
    fn tasks(&self) -> Box<dyn Iterator<Item = i64> + '_>;
    /// Items that may want a message sent, oldest first.
    fn busy(&self) -> &BTreeSet<i64>;
    /// Names every moment.
    fn deadlines(&self, add: &mut dyn FnMut(i64, Due));
    /// Tells people of what is pending.
    fn describe(&self, run: &Run, description: &mut Description);

    /// Puts everything into a snapshot.
    fn store(&self, snapshot: &mut RunSnapshot);
    /// Takes everything out of a snapshot that was put together of a base and chunks.
    fn restore(&mut self, snapshot: &mut RunSnapshot);
    /// Takes out what is not in events; of a closed run everything.
    fn keep_events(&mut self, closed: bool);
    /// Buckets that changed since this was last asked; from now on changes are noted, or not.
    fn take_changes(&mut self, on: bool) -> BTreeSet<i64>;
    /// Buckets that hold something.
    fn buckets(&self) -> Vec<i64>;
    /// Items of a bucket whose attributes have a chunk of their own.
    fn large(&self, bucket: i64) -> Vec<i64>;
    /// Puts what a bucket's chunk holds into `part`.
    fn store_bucket(&self, bucket: i64, part: &mut RunSnapshot);
    /// Puts the attributes of one item into `part`.
    fn store_begun(&self, id: i64, part: &mut RunSnapshot);
}
