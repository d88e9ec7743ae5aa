//! A cell that remembers what it was asked, for the tests of this crate.

mod schedules;

use crate::cluster::ClusterInfo;
use crate::dynamic_config::DynamicConfig;
use crate::features::Features;
use crate::frontend::{Deps, Frontend};
use crate::namespaces::{Namespace, NamespaceRegistry};
use crate::ports::{
    ActivityTasks, BadSearchAttributes, Handed, HistoryState, NamespaceWriter, Ports, TaskQueues,
    WorkflowTasks, Workflows,
};
use async_trait::async_trait;
use atoll_api::RawHistory;
use atoll_api::call::{Bytes, CallContext, Fate, Handover, Method, RawService, Status};
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_rpc::{ManualClock, SystemIds};
use prost::Message;
use schedules::FakeSchedules;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) const NAMESPACE_ID: Uuid = Uuid::from_u128(0xd0);
pub(crate) const RUN_ID: Uuid = Uuid::from_u128(0x11);

/// One run with a history that tests extend, and a list of the calls that came through.
pub(crate) struct FakeCell {
    pub(crate) calls: Mutex<Vec<&'static str>>,
    pub(crate) run: watch::Sender<FakeRun>,
    /// The last start that came through.
    pub(crate) started: Mutex<Option<wf::StartWorkflowExecutionRequest>>,
    pub(crate) failed: Mutex<Option<wf::RespondActivityTaskFailedRequest>>,
    /// The last answer to a workflow task that came through, and what is wrong with it.
    pub(crate) completed:
        Mutex<Option<(wf::RespondWorkflowTaskCompletedRequest, Option<BadSearchAttributes>)>>,
    /// The last termination that came through.
    pub(crate) terminated: Mutex<Option<wf::TerminateWorkflowExecutionRequest>>,
    /// The last poll for workflow tasks that came through.
    pub(crate) polled: Mutex<Option<wf::PollWorkflowTaskQueueRequest>>,
    /// What came through last of each call on schedules.
    pub(crate) schedules: Mutex<FakeSchedules>,
    /// Whether answers to workflow tasks that came through are never durable.
    pub(crate) stands_still: AtomicBool,
    /// What became of what calls handed over.
    pub(crate) fates: Arc<Mutex<Vec<(&'static str, Fate)>>>,
}

#[derive(Clone, Default)]
pub(crate) struct FakeRun {
    /// Events by batches.
    pub(crate) batches: Vec<Vec<HistoryEvent>>,
    pub(crate) closed: bool,
    pub(crate) transient: Vec<HistoryEvent>,
}

impl FakeRun {
    fn state(&self) -> HistoryState {
        HistoryState {
            run_id: RUN_ID,
            last_event_id: self.batches.iter().map(Vec::len).sum::<usize>() as i64,
            closed: self.closed,
            transient: self.transient.iter().map(|event| event.encode_to_vec().into()).collect(),
        }
    }
}

impl FakeCell {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::default(),
            run: watch::Sender::default(),
            started: Mutex::default(),
            failed: Mutex::default(),
            completed: Mutex::default(),
            terminated: Mutex::default(),
            polled: Mutex::default(),
            schedules: Mutex::default(),
            stands_still: AtomicBool::default(),
            fates: Arc::default(),
        })
    }

    fn called<T: Default>(&self, name: &'static str) -> Result<T, Status> {
        self.calls.lock().unwrap().push(name);
        Ok(T::default())
    }

    /// The same, of a call that hands something over.
    fn hand_over<T: Default>(&self, name: &'static str) -> Result<Handed<T>, Status> {
        let fates = Arc::clone(&self.fates);
        let handover = Handover::new(move |fate| fates.lock().unwrap().push((name, fate)));
        Ok(Handed { answer: self.called(name)?, handover })
    }

    /// A frontend over this cell with the namespace `default`.
    pub(crate) fn frontend(self: &Arc<Self>, change: impl FnOnce(&mut Deps)) -> Arc<Frontend> {
        let namespaces = NamespaceRegistry::default();
        namespaces.put(namespace(NAMESPACE_ID, "default", ""));
        let ports = Ports {
            workflows: Arc::clone(self) as _,
            workflow_tasks: Arc::clone(self) as _,
            activity_tasks: Arc::clone(self) as _,
            task_queues: Arc::clone(self) as _,
            schedules: Arc::clone(self) as _,
            visibility: Arc::new(cell_visibility::MemoryVisibility::default()),
            namespace_writer: Some(Arc::clone(self) as _),
        };
        let mut deps = Deps {
            ports,
            namespaces: Arc::new(namespaces),
            config: Arc::new(DynamicConfig::default()),
            features: Features::default(),
            cluster: ClusterInfo::lone("cell", "127.0.0.1:7233"),
            clock: Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH)),
            ids: Arc::new(SystemIds),
        };
        change(&mut deps);
        Arc::new(Frontend::new(deps))
    }
}

pub(crate) fn namespace(id: Uuid, name: &str, account: &str) -> Arc<Namespace> {
    let spec = NamespaceSpec {
        id: id.as_bytes().to_vec().into(),
        name: name.to_owned(),
        account_id: account.to_owned(),
        retention: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        ..NamespaceSpec::default()
    };
    Arc::new(Namespace { id, name: name.into(), spec })
}

/// Calls a method as the dispatcher does, with ten seconds to answer.
pub(crate) async fn invoke<Request: Message, Response: Message + Default>(
    frontend: &Arc<Frontend>,
    method: Method<Request, Response>,
    request: &Request,
) -> Result<Response, Status> {
    let mut ctx = CallContext::new(method.info());
    ctx.deadline = Some(crate::long_poll::now() + Duration::from_secs(10));
    invoke_in(frontend, ctx, method, request).await
}

/// Like [`invoke`], in a context of the caller's.
pub(crate) async fn invoke_in<Request: Message, Response: Message + Default>(
    frontend: &Arc<Frontend>,
    ctx: CallContext,
    method: Method<Request, Response>,
    request: &Request,
) -> Result<Response, Status> {
    let raw = raw(frontend, method.info().service);
    let reply = raw.call(&ctx, method.info(), request.encode_to_vec().into()).await?;
    Ok(Response::decode(reply.into_message()).unwrap())
}

/// The service of that name, as the dispatcher registers it.
pub(crate) fn raw(frontend: &Arc<Frontend>, service: &str) -> Arc<dyn RawService> {
    if service == workflow_service::SERVICE.name {
        workflow_service::raw(Arc::clone(frontend) as _)
    } else {
        operator_service::raw(Arc::clone(frontend) as _)
    }
}

#[async_trait]
impl Workflows for FakeCell {
    async fn start(
        &self,
        _: &Namespace,
        request: wf::StartWorkflowExecutionRequest,
    ) -> Result<wf::StartWorkflowExecutionResponse, Status> {
        *self.started.lock().unwrap() = Some(request);
        self.called("start")
    }

    async fn signal(
        &self,
        _: &Namespace,
        _: wf::SignalWorkflowExecutionRequest,
    ) -> Result<wf::SignalWorkflowExecutionResponse, Status> {
        self.called("signal")
    }

    async fn signal_with_start(
        &self,
        _: &Namespace,
        start: wf::StartWorkflowExecutionRequest,
        _: String,
        _: Option<Payloads>,
    ) -> Result<wf::SignalWithStartWorkflowExecutionResponse, Status> {
        *self.started.lock().unwrap() = Some(start);
        self.called("signal_with_start")
    }

    async fn request_cancel(
        &self,
        _: &Namespace,
        _: wf::RequestCancelWorkflowExecutionRequest,
    ) -> Result<wf::RequestCancelWorkflowExecutionResponse, Status> {
        self.called("request_cancel")
    }

    async fn terminate(
        &self,
        _: &Namespace,
        request: wf::TerminateWorkflowExecutionRequest,
    ) -> Result<wf::TerminateWorkflowExecutionResponse, Status> {
        *self.terminated.lock().unwrap() = Some(request);
        self.called("terminate")
    }

    async fn describe(
        &self,
        _: &Namespace,
        _: wf::DescribeWorkflowExecutionRequest,
    ) -> Result<wf::DescribeWorkflowExecutionResponse, Status> {
        self.called("describe")
    }

    /// Waits until the deadline for a query of the type `wait`.
    async fn query(
        &self,
        _: &Namespace,
        request: wf::QueryWorkflowRequest,
        deadline: Instant,
    ) -> Result<wf::QueryWorkflowResponse, Status> {
        if request.query.is_some_and(|query| query.query_type == "wait") {
            tokio::time::sleep_until(deadline.into()).await;
        }
        self.called("query")
    }

    async fn reset_sticky(
        &self,
        _: &Namespace,
        _: wf::ResetStickyTaskQueueRequest,
    ) -> Result<wf::ResetStickyTaskQueueResponse, Status> {
        self.called("reset_sticky")
    }

    async fn history_state(
        &self,
        _: &Namespace,
        _: &str,
        run_id: Option<Uuid>,
    ) -> Result<HistoryState, Status> {
        assert!(run_id.is_none_or(|run_id| run_id == RUN_ID));
        Ok(self.run.borrow().state())
    }

    async fn history_page(
        &self,
        _: &Namespace,
        _: &str,
        _: Uuid,
        first: i64,
        last: i64,
    ) -> Result<(RawHistory, i64), Status> {
        let run = self.run.borrow();
        let events: Vec<_> =
            run.batches.iter().flatten().filter(|it| (first..=last).contains(&it.event_id)).collect();
        let end = events.last().map_or(0, |event| event.event_id);
        Ok((RawHistory::from_events(events), end))
    }

    async fn history_batches(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        first: i64,
        last: i64,
        batches: usize,
    ) -> Result<(RawHistory, i64), Status> {
        let ends: Vec<i64> = {
            let run = self.run.borrow();
            run.batches.iter().filter_map(|batch| Some(batch.last()?.event_id)).collect()
        };
        let end = ends.into_iter().filter(|end| *end >= first).take(batches).last().unwrap_or(last);
        self.history_page(namespace, workflow_id, run_id, first, last.min(end)).await
    }

    async fn history_batches_before(
        &self,
        namespace: &Namespace,
        workflow_id: &str,
        run_id: Uuid,
        newest: i64,
        batches: usize,
    ) -> Result<(RawHistory, i64), Status> {
        let firsts: Vec<i64> = {
            let run = self.run.borrow();
            run.batches.iter().filter_map(|batch| Some(batch.first()?.event_id)).collect()
        };
        let first = firsts.into_iter().rev().filter(|first| *first <= newest).take(batches).last();
        let first = first.filter(|_| newest <= self.run.borrow().state().last_event_id);
        let first = first.unwrap_or(newest + 1);
        let (history, _) = self.history_page(namespace, workflow_id, run_id, first, newest).await?;
        Ok((history, first))
    }

    async fn wait_for_history(
        &self,
        _: &Namespace,
        _: &str,
        _: Uuid,
        last_event_id: i64,
        deadline: Instant,
    ) -> Result<HistoryState, Status> {
        let mut watched = self.run.subscribe();
        let news = watched.wait_for(|run| run.closed || run.state().last_event_id > last_event_id);
        let news = tokio::time::timeout_at(deadline.into(), news).await;
        drop(news);
        Ok(self.run.borrow().state())
    }
}

#[async_trait]
impl WorkflowTasks for FakeCell {
    async fn poll(
        &self,
        _: &Namespace,
        request: wf::PollWorkflowTaskQueueRequest,
        deadline: Instant,
    ) -> Result<Handed<wf::PollWorkflowTaskQueueResponse>, Status> {
        *self.polled.lock().unwrap() = Some(request);
        tokio::time::sleep_until(deadline.into()).await;
        self.hand_over("poll_workflow_task")
    }

    async fn complete(
        &self,
        _: &Namespace,
        request: wf::RespondWorkflowTaskCompletedRequest,
        bad_search_attributes: Option<BadSearchAttributes>,
    ) -> Result<Handed<wf::RespondWorkflowTaskCompletedResponse>, Status> {
        *self.completed.lock().unwrap() = Some((request, bad_search_attributes));
        let handed = self.hand_over("complete_workflow_task");
        if self.stands_still.load(Relaxed) {
            std::future::pending::<()>().await;
        }
        handed
    }

    async fn fail(
        &self,
        _: &Namespace,
        _: wf::RespondWorkflowTaskFailedRequest,
    ) -> Result<wf::RespondWorkflowTaskFailedResponse, Status> {
        self.called("fail_workflow_task")
    }

    async fn too_many_commands(&self, _: &Namespace, _: &Bytes) -> Status {
        Status::invalid_argument("too many commands")
    }

    async fn complete_query(
        &self,
        _: &Namespace,
        _: wf::RespondQueryTaskCompletedRequest,
    ) -> Result<wf::RespondQueryTaskCompletedResponse, Status> {
        self.called("complete_query")
    }
}

#[async_trait]
impl ActivityTasks for FakeCell {
    async fn poll(
        &self,
        _: &Namespace,
        _: wf::PollActivityTaskQueueRequest,
        deadline: Instant,
    ) -> Result<Handed<wf::PollActivityTaskQueueResponse>, Status> {
        tokio::time::sleep_until(deadline.into()).await;
        self.hand_over("poll_activity_task")
    }

    async fn heartbeat(
        &self,
        _: &Namespace,
        _: wf::RecordActivityTaskHeartbeatRequest,
    ) -> Result<wf::RecordActivityTaskHeartbeatResponse, Status> {
        self.called("heartbeat")
    }

    async fn heartbeat_by_id(
        &self,
        _: &Namespace,
        _: wf::RecordActivityTaskHeartbeatByIdRequest,
    ) -> Result<wf::RecordActivityTaskHeartbeatByIdResponse, Status> {
        self.called("heartbeat_by_id")
    }

    async fn complete(
        &self,
        _: &Namespace,
        _: wf::RespondActivityTaskCompletedRequest,
    ) -> Result<wf::RespondActivityTaskCompletedResponse, Status> {
        self.called("complete_activity")
    }

    async fn complete_by_id(
        &self,
        _: &Namespace,
        _: wf::RespondActivityTaskCompletedByIdRequest,
    ) -> Result<wf::RespondActivityTaskCompletedByIdResponse, Status> {
        self.called("complete_activity_by_id")
    }

    async fn fail(
        &self,
        _: &Namespace,
        request: wf::RespondActivityTaskFailedRequest,
    ) -> Result<wf::RespondActivityTaskFailedResponse, Status> {
        *self.failed.lock().unwrap() = Some(request);
        self.called("fail_activity")
    }

    async fn fail_by_id(
        &self,
        _: &Namespace,
        _: wf::RespondActivityTaskFailedByIdRequest,
    ) -> Result<wf::RespondActivityTaskFailedByIdResponse, Status> {
        self.called("fail_activity_by_id")
    }

    async fn cancel(
        &self,
        _: &Namespace,
        _: wf::RespondActivityTaskCanceledRequest,
    ) -> Result<wf::RespondActivityTaskCanceledResponse, Status> {
        self.called("cancel_activity")
    }

    async fn cancel_by_id(
        &self,
        _: &Namespace,
        _: wf::RespondActivityTaskCanceledByIdRequest,
    ) -> Result<wf::RespondActivityTaskCanceledByIdResponse, Status> {
        self.called("cancel_activity_by_id")
    }
}

#[async_trait]
impl TaskQueues for FakeCell {
    async fn describe(
        &self,
        _: &Namespace,
        _: wf::DescribeTaskQueueRequest,
    ) -> Result<wf::DescribeTaskQueueResponse, Status> {
        self.called("describe_task_queue")
    }

    async fn shutdown_worker(
        &self,
        _: &Namespace,
        _: wf::ShutdownWorkerRequest,
    ) -> Result<wf::ShutdownWorkerResponse, Status> {
        self.called("shutdown_worker")
    }
}

#[async_trait]
impl NamespaceWriter for FakeCell {
    async fn create(&self, _: Arc<Namespace>) -> Result<bool, Status> {
        self.called::<()>("create_namespace").map(|()| true)
    }

    async fn write(&self, _: Arc<Namespace>) -> Result<(), Status> {
        self.called("write_namespace")
    }
}
