//! What `DescribeWorkflowExecution` tells of a run.

mod activities;

use crate::run::{Run, duration, nanos};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::{Memo, SearchAttributes, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::{EventType, PendingWorkflowTaskState, TaskQueueKind};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::{
    PendingActivityInfo, PendingChildExecutionInfo, PendingWorkflowTaskInfo, RequestIdInfo, ResetPointInfo,
    ResetPoints, WorkflowExecutionConfig, WorkflowExecutionExtendedInfo, WorkflowExecutionInfo,
};

/// What `DescribeWorkflowExecution` tells of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Description {
    /// How it was started.
    pub config: WorkflowExecutionConfig,
    /// What it is.
    pub info: WorkflowExecutionInfo,
    /// Activities that have not ended.
    pub activities: Vec<PendingActivityInfo>,
    /// Children that have not ended.
    pub children: Vec<PendingChildExecutionInfo>,
    /// The workflow task.
    pub task: Option<PendingWorkflowTaskInfo>,
    /// Everything else.
    pub extended: WorkflowExecutionExtendedInfo,
}

impl Run {
    /// What `DescribeWorkflowExecution` tells now.
    pub fn describe(&self) -> Description {
        let mut description = Description {
            config: self.config(),
            info: self.execution_info(),
            activities: Vec::new(),
            children: Vec::new(),
            task: self.pending_task(),
            extended: self.extended(),
        };
        self.describe_pending(&mut description);
        description
    }

    fn config(&self) -> WorkflowExecutionConfig {
        let started = self.started();
        WorkflowExecutionConfig {
            task_queue: Some(TaskQueue {
                name: self.task_queue().to_owned(),
                kind: TaskQueueKind::Normal as i32,
                normal_name: String::new(),
            }),
            workflow_execution_timeout: started.workflow_execution_timeout,
            workflow_run_timeout: started.workflow_run_timeout,
            default_workflow_task_timeout: started.workflow_task_timeout,
            user_metadata: self.info.user_metadata.clone(),
        }
    }

    fn execution_info(&self) -> WorkflowExecutionInfo {
        let facts = self.visibility();
        let started = self.started();
        let points = (self.info.first_completed_event_id != 0).then(|| ResetPointInfo {
            run_id: self.run_id().to_string(),
            first_workflow_task_completed_id: self.info.first_completed_event_id,
            create_time: Some(Time(self.info.first_completed_at_ns).to_proto()),
            resettable: true,
            ..Default::default()
        });
        let earlier = started.prev_auto_reset_points.iter().flat_map(|earlier| earlier.points.clone());
        WorkflowExecutionInfo {
            execution: Some(WorkflowExecution {
                workflow_id: self.key().id.to_string(),
                run_id: self.run_id().to_string(),
            }),
            r#type: started.workflow_type.clone(),
            start_time: Some(facts.start_time.to_proto()),
            close_time: facts.close_time.map(Time::to_proto),
            status: facts.status as i32,
            history_length: facts.history_length,
            parent_namespace_id: started.parent_workflow_namespace_id.clone(),
            parent_execution: facts.parent,
            execution_time: Some(facts.execution_time.to_proto()),
            memo: Some(Memo { fields: facts.memo }),
            search_attributes: Some(SearchAttributes { indexed_fields: facts.search_attributes }),
            auto_reset_points: Some(ResetPoints { points: earlier.chain(points).collect() }),
            task_queue: facts.task_queue,
            state_transition_count: facts.state_transition_count,
            history_size_bytes: facts.history_size_bytes as i64,
            execution_duration: facts
                .close_time
                .map(|close| duration(close.0.saturating_sub(facts.execution_time.0))),
            root_execution: Some(facts.root),
            first_run_id: self.first_execution_run_id().to_string(),
            priority: started.priority.clone(),
            ..Default::default()
        }
    }

    fn pending_task(&self) -> Option<PendingWorkflowTaskInfo> {
        let task = self.task.scheduled()?;
        let started = self.task.started();
        let state = match started {
            Some(_) => PendingWorkflowTaskState::Started,
            None => PendingWorkflowTaskState::Scheduled,
        };
        Some(PendingWorkflowTaskInfo {
            state: state as i32,
            scheduled_time: Some(Time(task.scheduled_at_ns).to_proto()),
            original_scheduled_time: Some(Time(task.original_scheduled_at_ns).to_proto()),
            started_time: started.map(|task| Time(task.started_at_ns).to_proto()),
            attempt: task.attempt,
        })
    }

    fn extended(&self) -> WorkflowExecutionExtendedInfo {
        let started = self.started();
        let run_timeout = nanos(started.workflow_run_timeout.as_ref());
        let first = RequestIdInfo {
            event_type: EventType::WorkflowExecutionStarted as i32,
            event_id: 1,
            buffered: false,
        };
        let request_ids = [(self.info.start_request_id.clone(), first)];
        WorkflowExecutionExtendedInfo {
            execution_expiration_time: started.workflow_execution_expiration_time,
            run_expiration_time: (run_timeout > 0)
                .then(|| Time(self.info.start_time_ns).plus(run_timeout).to_proto()),
            cancel_requested: self.info.cancel_requested,
            original_start_time: Some(Time(self.info.start_time_ns).to_proto()),
            request_id_infos: request_ids.into_iter().collect(),
            ..Default::default()
        }
    }
}
