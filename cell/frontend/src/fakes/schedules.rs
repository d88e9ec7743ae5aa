use super::FakeCell;
use crate::namespaces::Namespace;
use crate::ports::Schedules;
use async_trait::async_trait;
use atoll_api::call::Status;
use atoll_api::temporal::api::workflowservice::v1 as wf;

/// The last request of each call on schedules.
#[derive(Default)]
pub(crate) struct FakeSchedules {
    pub(crate) created: Option<wf::CreateScheduleRequest>,
    pub(crate) updated: Option<wf::UpdateScheduleRequest>,
    pub(crate) patched: Option<wf::PatchScheduleRequest>,
}

#[async_trait]
impl Schedules for FakeCell {
    async fn create(
        &self,
        _: &Namespace,
        request: wf::CreateScheduleRequest,
    ) -> Result<wf::CreateScheduleResponse, Status> {
        self.schedules.lock().unwrap().created = Some(request);
        self.called("create_schedule")
    }

    async fn describe(
        &self,
        _: &Namespace,
        _: wf::DescribeScheduleRequest,
    ) -> Result<wf::DescribeScheduleResponse, Status> {
        self.called("describe_schedule")
    }

    async fn update(
        &self,
        _: &Namespace,
        request: wf::UpdateScheduleRequest,
    ) -> Result<wf::UpdateScheduleResponse, Status> {
        self.schedules.lock().unwrap().updated = Some(request);
        self.called("update_schedule")
    }

    async fn patch(
        &self,
        _: &Namespace,
        request: wf::PatchScheduleRequest,
    ) -> Result<wf::PatchScheduleResponse, Status> {
        self.schedules.lock().unwrap().patched = Some(request);
        self.called("patch_schedule")
    }

    async fn delete(
        &self,
        _: &Namespace,
        _: wf::DeleteScheduleRequest,
    ) -> Result<wf::DeleteScheduleResponse, Status> {
        self.called("delete_schedule")
    }

    async fn list_matching_times(
        &self,
        _: &Namespace,
        _: wf::ListScheduleMatchingTimesRequest,
    ) -> Result<wf::ListScheduleMatchingTimesResponse, Status> {
        self.called("list_schedule_matching_times")
    }
}
