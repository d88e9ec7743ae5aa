"""A worker reduced to its RPCs: one call per step, so event order is the script's.

`Driver` polls and answers tasks with raw messages on one task queue. It is used
wherever a history depends on *when* something happens relative to a task.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType, TaskQueueKind, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.history.v1 import History
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue
from temporalio.api.workflowservice import v1 as ws
from temporalio.client import Client

# Who calls: a client, the poller that a task was handed to, and the worker that answers it. Three, so that a server which
# writes the wrong one down is found out.
CLIENT = "client"
POLLER = "poller"
WORKER = "worker"
WORKFLOW_TYPE = "Scripted"
POLL_TIMEOUT = timedelta(seconds=20)


def payloads(text: str) -> Payloads:
    """One JSON string payload, as every SDK encodes it."""
    data = f'"{text}"'.encode()
    return Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=data)])


def seconds(value: float) -> Duration:
    """A protobuf duration from seconds."""
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=value))
    return duration


def failure(message: str, non_retryable: bool = False) -> Failure:
    """An application failure without a stack trace."""
    info = ApplicationFailureInfo(type="Scripted", non_retryable=non_retryable)
    return Failure(message=message, source="driver", application_failure_info=info)


def command(kind: str, **attributes) -> Command:
    """Build a command: `command("start_timer", timer_id=...)` sets type and attributes."""
    fields = {f"{kind}_command_attributes": attributes}
    return Command(command_type=f"COMMAND_TYPE_{kind.upper()}", **fields)


def complete_workflow(result: str = "done") -> Command:
    """The command that closes the workflow with a result."""
    return command("complete_workflow_execution", result=payloads(result))


class Driver:
    """Raw calls of one client on one task queue."""

    # Awaited where no call is under way and no workflow task is in anybody's hands: the server may be restarted there.
    between_steps: Callable[[Client], Awaitable[None]] | None = None

    def __init__(self, client: Client, task_queue: str) -> None:
        self.client = client
        self.service = client.workflow_service
        self.namespace = client.namespace
        self.task_queue = TaskQueue(name=task_queue, kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL)
        self.sticky_queue = TaskQueue(
            name=f"{task_queue}-sticky",
            kind=TaskQueueKind.TASK_QUEUE_KIND_STICKY,
            normal_name=task_queue,
        )

    async def step(self) -> None:
        """Lets the server be restarted, if somebody wants to."""
        if Driver.between_steps:
            await Driver.between_steps(self.client)

    def execution(self, workflow_id: str, run_id: str = "") -> WorkflowExecution:
        """Reference to a workflow, the current run unless one is named."""
        return WorkflowExecution(workflow_id=workflow_id, run_id=run_id)

    async def start(self, workflow_id: str, **fields) -> str:
        """Start a workflow and return its run id."""
        request = ws.StartWorkflowExecutionRequest(
            namespace=self.namespace,
            workflow_id=workflow_id,
            workflow_type=WorkflowType(name=WORKFLOW_TYPE),
            task_queue=self.task_queue,
            input=payloads("input"),
            identity=CLIENT,
            request_id=f"start-{workflow_id}",
            **fields,
        )
        return (await self.service.start_workflow_execution(request)).run_id

    async def poll(self, sticky: bool = False) -> ws.PollWorkflowTaskQueueResponse:
        """Take one workflow task; an empty answer is an error."""
        await self.step()
        request = ws.PollWorkflowTaskQueueRequest(
            namespace=self.namespace,
            task_queue=self.sticky_queue if sticky else self.task_queue,
            identity=POLLER,
        )
        task = await self.service.poll_workflow_task_queue(request, timeout=POLL_TIMEOUT)
        assert task.task_token, "poll returned no workflow task"
        return task

    async def complete(self, task, *commands: Command, sticky_timeout: float | None = None, **fields):
        """Answer a workflow task; with `sticky_timeout` ask for the next one on the sticky queue."""
        request = ws.RespondWorkflowTaskCompletedRequest(
            namespace=self.namespace,
            task_token=task.task_token,
            commands=commands,
            identity=WORKER,
            **fields,
        )
        if sticky_timeout is not None:
            request.sticky_attributes.CopyFrom(
                StickyExecutionAttributes(
                    worker_task_queue=self.sticky_queue,
                    schedule_to_start_timeout=seconds(sticky_timeout),
                )
            )
        return await self.service.respond_workflow_task_completed(request)

    async def fail_task(self, task, cause: str = "NON_DETERMINISTIC_ERROR") -> None:
        """Answer a workflow task with a failure."""
        await self.service.respond_workflow_task_failed(
            ws.RespondWorkflowTaskFailedRequest(
                namespace=self.namespace,
                task_token=task.task_token,
                cause=WorkflowTaskFailedCause.Value(f"WORKFLOW_TASK_FAILED_CAUSE_{cause}"),
                failure=failure("scripted task failure"),
                identity=WORKER,
            )
        )

    async def poll_activity(self) -> ws.PollActivityTaskQueueResponse:
        """Take one activity task; an empty answer is an error."""
        await self.step()
        request = ws.PollActivityTaskQueueRequest(
            namespace=self.namespace, task_queue=self.task_queue, identity=POLLER
        )
        task = await self.service.poll_activity_task_queue(request, timeout=POLL_TIMEOUT)
        assert task.task_token, "poll returned no activity task"
        return task

    async def complete_activity(self, task, result: str = "activity result") -> None:
        """Answer an activity task with a result."""
        await self.step()
        await self.service.respond_activity_task_completed(
            ws.RespondActivityTaskCompletedRequest(
                namespace=self.namespace,
                task_token=task.task_token,
                result=payloads(result),
                identity=WORKER,
            )
        )

    async def signal(self, workflow_id: str, name: str = "go") -> None:
        """Signal the current run; the request id follows the name, so a name counts once per run."""
        await self.service.signal_workflow_execution(
            ws.SignalWorkflowExecutionRequest(
                namespace=self.namespace,
                workflow_execution=self.execution(workflow_id),
                signal_name=name,
                input=payloads("signal"),
                identity=CLIENT,
                request_id=f"signal-{workflow_id}-{name}",
            )
        )

    async def terminate(self, workflow_id: str, reason: str, details: str | None = None) -> None:
        """Terminate the current run."""
        await self.service.terminate_workflow_execution(
            ws.TerminateWorkflowExecutionRequest(
                namespace=self.namespace,
                workflow_execution=self.execution(workflow_id),
                reason=reason,
                details=payloads(details) if details else None,
                identity=CLIENT,
            )
        )

    async def history(self, workflow_id: str, run_id: str) -> History:
        """The whole history of a run."""
        return await fetch_history(self.service, self.namespace, workflow_id, run_id)

    async def wait_for_event(self, workflow_id: str, run_id: str, event_type: str) -> None:
        """Wait until the last event of a run has the given type (for server-made events)."""
        for _ in range(200):
            events = (await self.history(workflow_id, run_id)).events
            if events[-1].event_type == EventType.Value(f"EVENT_TYPE_{event_type}"):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{workflow_id}: no {event_type}")

    def activity(self, activity_id: str, **options) -> Command:
        """The command that schedules an activity on this task queue; durations in seconds."""
        timeouts = {key: seconds(value) for key, value in options.items() if key.endswith("timeout")}
        return command(
            "schedule_activity_task",
            activity_id=activity_id,
            **{
                "activity_type": ActivityType(name="Scripted"),
                "task_queue": self.task_queue,
                "input": payloads("activity input"),
                **options,
                **timeouts,
            },
        )


async def fetch_history(service, namespace: str, workflow_id: str, run_id: str) -> History:
    """Read every page of a run's history."""
    history, token = History(), b""
    while True:
        page = await service.get_workflow_execution_history(
            ws.GetWorkflowExecutionHistoryRequest(
                namespace=namespace,
                execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
                next_page_token=token,
            )
        )
        history.events.extend(page.history.events)
        token = page.next_page_token
        if not token:
            return history
