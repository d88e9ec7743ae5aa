"""Dump what a server makes of every duration field at its extremes, as one JSON file.

    python durations.py OUTPUT_FILE [--golden FILE] [--address HOST:PORT]

Each entry is `field: {value: outcome}`. An outcome is `{"error": message}` or
`{"stored": {field: duration}}`, what the history shows; where the original stores
what cannot be shown as JSON, it is `"accepted"`.
"""

import asyncio
import uuid

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice import v1 as ws
from temporalio.client import Client
from temporalio.service import RPCError

from answers import dump
from connect import run_program
from raw import Driver, command

LONGEST = 2**63 - 1
# Of which an activity needs one: where they are asked for, no other stands beside them.
BOUNDS = ("start_to_close_timeout", "schedule_to_close_timeout")
VALUES = {
    "negative": (-1, 0),
    "negative_nanos": (0, -1),
    "lowest": (-(2**63), 0),
    "mixed_signs": (1, -1),
    "zero": (0, 0),
    "one_nano": (0, 1),
    "many_nanos": (1, 1_000_000_000),
    "longest": (LONGEST, 0),
}
RETRY = ("retry_policy.initial_interval", "retry_policy.maximum_interval")
RUN = ("workflow_execution_timeout", "workflow_run_timeout", "workflow_task_timeout")
FIELDS = {
    "start": (*RUN, *RETRY),
    "schedule_activity_task": (
        "schedule_to_close_timeout",
        "schedule_to_start_timeout",
        "start_to_close_timeout",
        "heartbeat_timeout",
        *RETRY,
    ),
    "start_timer": ("start_to_fire_timeout",),
    "start_child_workflow_execution": (*RUN, *RETRY),
}
SHOWN = ("Timeout", "Interval")
CALLS_AT_ONCE = 12


def with_duration(fields: dict, path: str, value: tuple[int, int]) -> dict:
    """`fields` with one more, a duration; one of a retry policy comes with a whole policy."""
    duration = Duration(seconds=value[0], nanos=value[1])
    if "." not in path:
        return {**fields, path: duration}
    policy = RetryPolicy(backoff_coefficient=2.0, maximum_attempts=3)
    getattr(policy, path.split(".")[1]).CopyFrom(duration)
    return {**fields, "retry_policy": policy}


def valid(kind: str, path: str, driver: Driver, workflow_id: str) -> dict:
    """What a command needs besides its durations."""
    queue = {"name": driver.task_queue.name}
    bounds = {} if path in BOUNDS else {"start_to_close_timeout": Duration(seconds=60)}
    return {
        "schedule_activity_task": {
            "activity_id": "a",
            "activity_type": {"name": "t"},
            "task_queue": queue,
            **bounds,
        },
        "start_timer": {"timer_id": "t"},
        "start_child_workflow_execution": {
            "workflow_id": f"{workflow_id}-child",
            "namespace": driver.namespace,
            "workflow_type": {"name": "t"},
            "task_queue": queue,
        },
    }[kind]


def shown(event: HistoryEvent) -> dict | str:
    """The durations of an event."""
    try:
        attributes = next(
            value for key, value in json_format.MessageToDict(event).items() if key.endswith("Attributes")
        )
    except json_format.Error:
        return "accepted"
    fields = {**attributes, **attributes.get("retryPolicy", {})}
    return {key: value for key, value in fields.items() if key.endswith(SHOWN)}


async def outcome(client: Client, kind: str, path: str, value: tuple[int, int]) -> dict:
    """What becomes of one value of one field."""
    workflow_id = f"duration-{uuid.uuid4().hex}"
    driver = Driver(client, f"queue-{workflow_id}")
    try:
        if kind == "start":
            await driver.start(workflow_id, **with_duration({}, path, value))
            at = 0
        else:
            await driver.start(workflow_id, workflow_task_timeout=Duration(seconds=60))
            task = await driver.poll()
            fields = with_duration(valid(kind, path, driver, workflow_id), path, value)
            await driver.complete(task, command(kind, **fields))
            at = 4
    except RPCError as error:
        return {"error": error.message.replace(workflow_id, "<workflow>")}
    request = ws.GetWorkflowExecutionHistoryRequest(
        namespace=driver.namespace, execution=driver.execution(workflow_id)
    )
    history = await driver.service.get_workflow_execution_history(request)
    return {"stored": shown(history.history.events[at])}


async def collect(client: Client) -> dict:
    """Ask for every value of every field."""
    found: dict[str, dict] = {}
    calls = asyncio.Semaphore(CALLS_AT_ONCE)

    async def ask(kind: str, path: str, name: str, value: tuple[int, int]) -> None:
        async with calls:
            found.setdefault(f"{kind}.{path}", {})[name] = await outcome(client, kind, path, value)

    await asyncio.gather(
        *(
            ask(kind, path, name, value)
            for kind, paths in FIELDS.items()
            for path in paths
            for name, value in VALUES.items()
        )
    )
    return found


if __name__ == "__main__":
    run_program(lambda: dump(__doc__.splitlines()[0], collect))
