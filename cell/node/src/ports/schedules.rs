//! Schedules, over the shards of this node.

use crate::status::{not_found, status};
use async_trait::async_trait;
use atoll_api::call::Status;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_internal_api::entity::schedules::WORKFLOW_ID_PREFIX;
use cell_engine::{
    Command, CreateSchedule, DeleteSchedule, PatchSchedule, Schedule, ScheduleLook, ScheduleWalk, Singleton,
    SingletonTarget, SingletonView, UpdateSchedule,
};
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::Schedules;
use cell_frontend::{Turn, TurnLimits, Turns};
use cell_shard::{Clock, ShardError, ShardRuntime, Target};
use prost_types::Timestamp;
use std::sync::Arc;

/// Coming times that a description shows.
const COMING: usize = 10;
/// Matching ones that a list shows, as the original's: where there are more it ends, and nothing says so.
const MATCHING: usize = 1_000;

/// Questions for a schedule's times: one may take as long as some hundred other calls. Whoever else calls waits for a
/// slice of each that is gone through at the time.
const WALKS: TurnLimits = TurnLimits {
    at_once: 2,
    of_one_at_once: 1,
    of_one: 1_000,
    in_all: 4_000,
    refusal: "too many questions for times of schedules wait to be answered",
};

/// The port.
pub(crate) struct NodeSchedules {
    shards: Arc<ShardRuntime>,
    clock: Arc<dyn Clock>,
    pub(super) walks: Turns,
}

/// What a call is about.
struct About<'a> {
    namespace: &'a Namespace,
    id: &'a str,
}

impl About<'_> {
    fn target(&self) -> SingletonTarget<Schedule> {
        SingletonTarget::new(self.namespace.id, self.id)
    }

    fn status(&self, error: ShardError) -> Status {
        status(error, &Target::current(self.namespace.id, self.id))
    }

    /// There is no such schedule, in the words of the original.
    fn missing(&self) -> Status {
        not_found(format!("workflow not found for ID: {WORKFLOW_ID_PREFIX}{}", self.id))
    }
}

impl NodeSchedules {
    pub(crate) fn new(shards: Arc<ShardRuntime>, clock: Arc<dyn Clock>) -> Self {
        Self { shards, clock, walks: Turns::new(WALKS) }
    }

    async fn execute<C: Command<Family = Singleton<Schedule>>>(
        &self,
        about: About<'_>,
        command: C,
    ) -> Result<C::Reply, Status> {
        self.shards.execute(&about.target(), command).await.map_err(|error| about.status(error))
    }

    async fn read<R>(
        &self,
        about: &About<'_>,
        look: impl FnOnce(SingletonView<'_, Schedule>) -> R,
    ) -> Result<R, Status> {
        self.shards.read(&about.target(), look).await.map_err(|error| about.status(error))
    }
}

/// Goes through times in slices, giving others their turn: a large spec, or one that excludes almost everything, takes
/// long. Who asks has a turn.
async fn walk(mut walk: ScheduleWalk<'_>, _turn: &Turn) -> Walked {
    let mut times = Vec::new();
    loop {
        match walk.look() {
            ScheduleLook::At(time) => times.push(time),
            ScheduleLook::NotYet => {}
            ScheduleLook::End => return Walked { times, whole: true },
            ScheduleLook::GivenUp => return Walked { times, whole: false },
        }
        tokio::task::yield_now().await;
    }
}

/// What was found of the times that were asked for.
struct Walked {
    times: Vec<Timestamp>,
    /// Whether that is all of them.
    whole: bool,
}

/// A list of times that ended before its range would be taken for all of them. The original has no such bound: it looks
/// for as long as that takes.
fn costs_too_much(id: &str) -> Status {
    Status::invalid_argument(format!(
        "the spec of schedule {id:?} costs too much to look through for this range: of what it names too much is excluded, or \
         it is too large. Ask for a shorter range, or change the spec"
    ))
}

#[async_trait]
impl Schedules for NodeSchedules {
    async fn create(
        &self,
        namespace: &Namespace,
        request: wf::CreateScheduleRequest,
    ) -> Result<wf::CreateScheduleResponse, Status> {
        let command = CreateSchedule {
            request_id: request.request_id,
            schedule: request.schedule.unwrap_or_default(),
            initial_patch: request.initial_patch,
            memo: request.memo,
            search_attributes: request.search_attributes,
        };
        let token = self.execute(About { namespace, id: &request.schedule_id }, command).await?;
        Ok(wf::CreateScheduleResponse { conflict_token: token.to_be_bytes().to_vec().into() })
    }

    async fn describe(
        &self,
        namespace: &Namespace,
        request: wf::DescribeScheduleRequest,
    ) -> Result<wf::DescribeScheduleResponse, Status> {
        let about = About { namespace, id: &request.schedule_id };
        // Before anything is read: what is described may be megabytes, and is held by those alone whose turn it is.
        let place = self.walks.enter(namespace, 1)?;
        let turn = place.turn().await;
        let found = self.read(&about, |view| view.entity.map(Schedule::describe)).await?;
        let described = found.ok_or_else(|| about.missing())?;
        let described = described.ok_or_else(|| not_found("schedule not found"))?;
        let mut info = described.info;
        let coming = described.times.coming(COMING, Some(self.clock.now()));
        info.future_action_times = walk(coming, &turn).await.times;
        Ok(wf::DescribeScheduleResponse {
            schedule: Some(described.schedule),
            info: Some(info),
            memo: Some(described.memo),
            search_attributes: Some(described.search_attributes),
            conflict_token: described.conflict_token.to_be_bytes().to_vec().into(),
        })
    }

    async fn update(
        &self,
        namespace: &Namespace,
        request: wf::UpdateScheduleRequest,
    ) -> Result<wf::UpdateScheduleResponse, Status> {
        let token = request.conflict_token.first_chunk().map_or(0, |token| i64::from_be_bytes(*token));
        let command = UpdateSchedule {
            request_id: request.request_id,
            conflict_token: token,
            schedule: request.schedule.unwrap_or_default(),
            search_attributes: request.search_attributes,
        };
        self.execute(About { namespace, id: &request.schedule_id }, command).await?;
        Ok(wf::UpdateScheduleResponse {})
    }

    async fn patch(
        &self,
        namespace: &Namespace,
        request: wf::PatchScheduleRequest,
    ) -> Result<wf::PatchScheduleResponse, Status> {
        let patch = request.patch.unwrap_or_default();
        let command = PatchSchedule { request_id: request.request_id, patch };
        self.execute(About { namespace, id: &request.schedule_id }, command).await?;
        Ok(wf::PatchScheduleResponse {})
    }

    async fn delete(
        &self,
        namespace: &Namespace,
        request: wf::DeleteScheduleRequest,
    ) -> Result<wf::DeleteScheduleResponse, Status> {
        self.execute(About { namespace, id: &request.schedule_id }, DeleteSchedule).await?;
        Ok(wf::DeleteScheduleResponse {})
    }

    async fn list_matching_times(
        &self,
        namespace: &Namespace,
        request: wf::ListScheduleMatchingTimesRequest,
    ) -> Result<wf::ListScheduleMatchingTimesResponse, Status> {
        let about = About { namespace, id: &request.schedule_id };
        let place = self.walks.enter(namespace, 1)?;
        let turn = place.turn().await;
        let times = self.read(&about, |view| view.entity.and_then(Schedule::times)).await?;
        let times = times.ok_or_else(|| about.missing())?;
        let start = request.start_time.unwrap_or_default();
        let end = request.end_time.unwrap_or_default();
        match walk(times.matching(&start, &end, MATCHING), &turn).await {
            Walked { times, whole: true } => Ok(wf::ListScheduleMatchingTimesResponse { start_time: times }),
            Walked { whole: false, .. } => Err(costs_too_much(about.id)),
        }
    }
}
