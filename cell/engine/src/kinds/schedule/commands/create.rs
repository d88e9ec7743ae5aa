//! `CreateSchedule`.

use super::super::draft::Draft;
use super::super::plan::settled;
use super::super::{FIRST_TOKEN, Schedule};
use crate::command::{Command, Context, Decision, Origin};
use crate::family::{Singleton, SingletonTarget, SingletonView};
use crate::rejection::Rejection;
use atoll_api::temporal::api::common::v1::{Memo, SearchAttributes};
use atoll_api::temporal::api::schedule::v1 as api;
use atoll_internal_api::entity::schedules::WORKFLOW_ID_PREFIX;
use atoll_internal_api::schedule::v1::{Created, Life};
use atoll_internal_api::usage::v1::ActionType;
use bytes::Bytes;

/// Creates a schedule, also where one of the id was deleted. Answers its conflict token; a repetition of the request
/// does too.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CreateSchedule {
    /// A repetition with the same id changes nothing, also where what it created was deleted and nothing was created
    /// since.
    pub request_id: String,
    /// What to do when.
    pub schedule: api::Schedule,
    /// Done at once.
    pub initial_patch: Option<api::SchedulePatch>,
    /// Memo.
    pub memo: Option<Memo>,
    /// Search attributes.
    pub search_attributes: Option<SearchAttributes>,
}

impl Command for CreateSchedule {
    type Family = Singleton<Schedule>;
    type Reply = i64;

    fn origin(&self) -> Origin {
        Origin::Client
    }

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<i64> {
        let before = view.entity.and_then(Schedule::state);
        if before.is_some_and(|state| state.life.request_id == self.request_id) {
            return Decision::unchanged(FIRST_TOKEN);
        }
        if let Some(state) = before.filter(|state| !state.closed()) {
            let run_id = state.life_id();
            return Decision::reject(Rejection::AlreadyStarted {
                message: format!(
                    "Workflow execution is already running. WorkflowId: {WORKFLOW_ID_PREFIX}{}, RunId: {run_id}.",
                    view.id
                ),
                run_id,
                start_request_id: state.life.request_id.clone(),
                first_execution_run_id: run_id,
            });
        }
        let schedule = match settled(self.schedule) {
            Ok(schedule) => schedule,
            Err(wrong) => return super::update::invalid(&wrong),
        };
        let id = context.ids.next_run_id(context.now);
        let life = Life {
            id: Bytes::copy_from_slice(id.as_bytes()),
            namespace: context.namespace.name.to_string(),
            request_id: self.request_id,
            create_time_ns: context.now.0,
        };
        let created = Created {
            life: Some(life),
            schedule: Some(schedule),
            memo: self.memo,
            search_attributes: self.search_attributes,
        };
        let key = SingletonTarget::<Schedule>::new(view.namespace_id, view.id.clone()).key();
        let mut draft = match Draft::create(key, created, context) {
            Ok(draft) => draft,
            Err(wrong) => return super::update::invalid(&wrong),
        };
        draft.bill(ActionType::CreateSchedule);
        if let Some(patch) = &self.initial_patch {
            draft.patch(patch);
        }
        draft.settle();
        draft.accept(FIRST_TOKEN)
    }
}
