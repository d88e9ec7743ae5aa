//! Schedules, over the shards of this node.

use crate::status::{not_found, status};
use async_trait::async_trait;
use atoll_api::call::Status;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_internal_api::schedules::WORKFLOW_ID_PREFIX;
use cell_engine::{
    Command, CreateSchedule, DeleteSchedule, PatchSchedule, Schedule, ScheduleWalk, Singleton,
    SingletonTarget, SingletonView, UpdateSchedule,
};
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::Schedules;
use cell_shard::{Clock, ShardError, ShardRuntime, Target};
use prost_types::Timestamp;
use std::sync::Arc;

/// Coming times that a description shows, and matching ones that a list shows.
const COMING: usize = 10;
const MATCHING: usize = 1_000;

/// The port.
pub(crate) struct NodeSchedules {
    pub(crate) shards: Arc<ShardRuntime>,
    pub(crate) clock: Arc<dyn Clock>,
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

/// Goes through times in slices, giving others their turn: a large spec, or one that excludes almost everything, takes long.
async fn walk(mut walk: ScheduleWalk<'_>) -> Vec<Timestamp> {
    let mut times = Vec::new();
    while let Some(found) = walk.look() {
        times.extend(found);
        tokio::task::yield_now().await;
    }
    times
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
        let found = self.read(&about, |view| view.entity.map(Schedule::describe)).await?;
        let described = found.ok_or_else(|| about.missing())?;
        let described = described.ok_or_else(|| not_found("schedule not found"))?;
        let mut info = described.info;
        info.future_action_times = walk(described.times.coming(COMING, Some(self.clock.now()))).await;
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
        let times = self.read(&about, |view| view.entity.and_then(Schedule::times)).await?;
        let times = times.ok_or_else(|| about.missing())?;
        let start = request.start_time.unwrap_or_default();
        let end = request.end_time.unwrap_or_default();
        let start_time = walk(times.matching(&start, &end, MATCHING)).await;
        Ok(wf::ListScheduleMatchingTimesResponse { start_time })
    }
}
