"""Helpers for scenarios that run an ordinary SDK worker."""

import logging

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

# Failing activities are part of the scenarios: keep the SDK from logging them.
logging.getLogger("temporalio").setLevel(logging.ERROR)


def worker(client: Client, task_queue: str, workflows: list, activities: list = ()) -> Worker:
    """A worker without eager activities, so every activity goes through the server's queue."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=activities,
        disable_eager_activity_execution=True,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


def reference(handle: WorkflowHandle) -> tuple[str, str]:
    """The (workflow id, run id) of a handle returned by `start_workflow`."""
    return handle.id, handle.first_execution_run_id
