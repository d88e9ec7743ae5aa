//! User timers.

use super::PendingKind;
use crate::effect::EffectKind;
use crate::run::Run;
use crate::run::collection::{Item, Touch, Wants};
use crate::run::deadlines::Due;
use crate::run::nanos;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::state::v1::{RunSnapshot, Timer};

impl Item for Timer {
    const KIND: PendingKind = PendingKind::Timer;
    const WANTS: Wants = Wants::Nothing;
    type Begun = ();

    fn touch(event: &Attributes) -> Option<Touch> {
        Some(match event {
            Attributes::TimerStartedEventAttributes(_) => Touch::Begins,
            Attributes::TimerFiredEventAttributes(a) => Touch::Ends(a.started_event_id),
            Attributes::TimerCanceledEventAttributes(a) => Touch::Ends(a.started_event_id),
            _ => return None,
        })
    }

    fn begin(event_id: i64, event: &Attributes, at_ns: i64) -> Self {
        let Attributes::TimerStartedEventAttributes(a) = event else { unreachable!("it begins a timer") };
        Self {
            started_event_id: event_id,
            timer_id: a.timer_id.clone(),
            fires_at_ns: at_ns.saturating_add(nanos(a.start_to_fire_timeout.as_ref())),
            fired: false,
        }
    }

    fn change(&mut self, _: i64, _: &Attributes) {}

    fn wait(&mut self, _: &Attributes) {
        self.fired = true;
    }

    fn keep_events(&mut self) {
        self.fired = false;
    }

    fn id(&self) -> i64 {
        self.started_event_id
    }

    fn name(&self) -> &str {
        &self.timer_id
    }

    fn effect(&self, _: &Run) -> Option<EffectKind> {
        None
    }

    fn deadlines(&self) -> impl IntoIterator<Item = (i64, Due)> {
        [(if self.fired { 0 } else { self.fires_at_ns }, Due::Timer(self.started_event_id))]
    }

    fn place(snapshot: &mut RunSnapshot) -> &mut Vec<Self> {
        &mut snapshot.timers
    }

    fn begun(&self) -> Option<&()> {
        None
    }

    fn set_begun(&mut self, _: Option<()>) {}

    fn bare(id: i64) -> Self {
        Self { started_event_id: id, ..Default::default() }
    }
}
