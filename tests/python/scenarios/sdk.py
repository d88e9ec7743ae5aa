"""Helpers for scenarios that run an ordinary SDK worker."""

import logging

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from raw import Driver

# Failing activities are part of the scenarios: keep the SDK from logging them.
logging.getLogger("temporalio").setLevel(logging.ERROR)


def worker(client: Client, task_queue: str, workflows: list, activities: list = ()) -> Worker:
    """A worker without eager activities, so every activity goes through the server's queue."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=activities,
        identity="sdk-worker",
        disable_eager_activity_execution=True,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def let_restart_at(client: Client, workflow_id: str, event_type: str) -> None:
    """Let the server be restarted, if somebody wants to, when the last event of a run is of this type and nothing is due."""
    if Driver.between_steps:
        driver = Driver(client, workflow_id)
        await driver.wait_for_event(workflow_id, "", event_type)
        await driver.step()


def reference(handle: WorkflowHandle) -> tuple[str, str]:
    """The (workflow id, run id) of a handle returned by `start_workflow`."""
    return handle.id, handle.first_execution_run_id
