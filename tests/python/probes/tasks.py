"""Answers to tasks that an implementation must refuse: stale, closed or wrong."""

from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import (
    ActivityType,
    Memo,
    Priority,
    RetryPolicy,
    SearchAttributes,
    WorkflowType,
)
from temporalio.api.command.v1 import Command
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import Client

from raw import WORKER, Driver, command, complete_workflow, failure, payloads, seconds

from sizes import history_json

from .calls import record


def bad_commands(driver: Driver) -> dict[str, list[Command]]:
    """Command lists that fail a workflow task, by case name."""
    activity = {"activity_id": "1", "activity_type": ActivityType(name="Scripted")}
    timer = command("start_timer", timer_id="1", start_to_fire_timeout=seconds(60))
    return {
        "timer_without_id": [command("start_timer", start_to_fire_timeout=seconds(1))],
        "timer_twice": [timer, timer],
        "cancel_unknown_timer": [command("cancel_timer", timer_id="none")],
        "activity_without_type": [command("schedule_activity_task", activity_id="1")],
        "activity_without_timeout": [
            command("schedule_activity_task", task_queue=driver.task_queue, **activity)
        ],
        "activity_twice": [driver.activity("1", start_to_close_timeout=1)] * 2,
        "cancel_unknown_activity": [command("request_cancel_activity_task", scheduled_event_id=99)],
        "marker_without_name": [command("record_marker")],
        "child_without_type": [command("start_child_workflow_execution", workflow_id="c")],
        "fail_without_failure": [command("fail_workflow_execution")],
        "complete_not_last": [complete_workflow(), timer],
        "no_attributes": [Command(command_type="COMMAND_TYPE_START_TIMER")],
        "no_type": [Command()],
        "unknown_type": [Command(command_type=999)],
        **badly_named(driver),
        **badly_measured(driver),
    }


def badly_named(driver: Driver) -> dict[str, list[Command]]:
    """Commands whose names are missing, too long or reserved."""
    long = "x" * 1001
    kind = WorkflowType(name="Scripted")
    untyped = {"activity_type": ActivityType(name="")}
    return {
        "activity_without_id": [driver.activity("", start_to_close_timeout=1)],
        "activity_without_type_name": [driver.activity("1", start_to_close_timeout=1, **untyped)],
        "activity_long_id": [driver.activity(long, start_to_close_timeout=1)],
        "activity_reserved_task_queue": [
            driver.activity("1", start_to_close_timeout=1, task_queue=TaskQueue(name="/_sys/q"))
        ],
        "cancel_activity_without_id": [command("request_cancel_activity_task")],
        "timer_long_id": [command("start_timer", timer_id=long, start_to_fire_timeout=seconds(1))],
        "cancel_timer_without_id": [command("cancel_timer")],
        "cancel_timer_long_id": [command("cancel_timer", timer_id=long)],
        "marker_long_name": [command("record_marker", marker_name=long)],
        "child_long_id": [
            command("start_child_workflow_execution", workflow_id=long, workflow_type=kind)
        ],
        "modify_no_fields": [command("modify_workflow_properties", upserted_memo=Memo())],
        "upsert_nothing": [command("upsert_workflow_search_attributes")],
        "upsert_no_fields": [
            command("upsert_workflow_search_attributes", search_attributes=SearchAttributes())
        ],
    }


def badly_measured(driver: Driver) -> dict[str, list[Command]]:
    """Commands whose times, retry policies or priorities make no sense."""
    policy = RetryPolicy(initial_interval=seconds(5), maximum_interval=seconds(1))
    backwards = RetryPolicy(initial_interval=seconds(-1))
    urgent = Priority(priority_key=-1)
    minus = seconds(-1)

    def activity(**options) -> list[Command]:
        return [driver.activity("1", **{"start_to_close_timeout": 1, **options})]

    def child(**attributes) -> list[Command]:
        kind = WorkflowType(name="Scripted")
        return [
            command(
                "start_child_workflow_execution", workflow_id="c", workflow_type=kind, **attributes
            )
        ]

    return {
        "activity_negative_timeout": activity(heartbeat_timeout=-1),
        "activity_retry_shrinks": activity(retry_policy=policy),
        "activity_retry_negative": activity(retry_policy=backwards),
        "activity_negative_priority": activity(priority=urgent),
        "timer_negative": [command("start_timer", timer_id="1", start_to_fire_timeout=minus)],
        "child_negative_timeout": child(workflow_run_timeout=minus),
        "child_retry_shrinks": child(retry_policy=policy),
        "child_negative_priority": child(priority=urgent),
    }


async def probe_bad_commands(client: Client, driver: Driver, prefix: str) -> dict:
    """Send each bad command as first answer of a workflow; record the error and the event."""
    found = {}
    for name, commands in bad_commands(driver).items():
        workflow_id = f"{prefix}-{name}"
        run_id = await driver.start(workflow_id)
        task = await driver.poll()
        answer = await record(
            client, "respond_workflow_task_completed", task_token=task.task_token, commands=commands
        )
        events = history_json(await driver.history(workflow_id, run_id))["events"]
        found[f"bad_command.{name}"] = answer | {"events_after_start": events[3:]}
        if answer.get("error"):
            await driver.terminate(workflow_id, "done")
    return found


async def probe_workflow_tasks(client: Client, driver: Driver, workflow_id: str) -> dict:
    """Answer workflow tasks twice, after failure and after the workflow closed."""
    completed, failed = "respond_workflow_task_completed", "respond_workflow_task_failed"
    found = {}
    await driver.start(workflow_id)
    task = await driver.poll()
    await driver.complete(task)
    found["workflow_task.completed_twice"] = await record(
        client, completed, task_token=task.task_token
    )
    found["workflow_task.failed_after_completion"] = await record(
        client, failed, task_token=task.task_token
    )
    await driver.signal(workflow_id)
    task = await driver.poll()
    await driver.fail_task(task)
    found["workflow_task.completed_after_failure"] = await record(
        client, completed, task_token=task.task_token
    )
    task = await driver.poll()
    await driver.terminate(workflow_id, "done")
    found["workflow_task.completed_after_close"] = await record(
        client, completed, task_token=task.task_token
    )
    return found


async def probe_activities(client: Client, driver: Driver, workflow_id: str) -> dict:
    """Answer activities twice, by unknown ids, without a cancel request and after close."""
    token_methods = {
        "completed": ("respond_activity_task_completed", {}),
        "failed": ("respond_activity_task_failed", {"failure": failure("late")}),
        "canceled": ("respond_activity_task_canceled", {}),
        "heartbeat": ("record_activity_task_heartbeat", {}),
    }
    found = {}

    async def answer_all(state: str, token: bytes) -> None:
        for name, (method, fields) in token_methods.items():
            found[f"activity.{name}_{state}"] = await record(
                client, method, task_token=token, **fields
            )

    await driver.start(workflow_id)
    await driver.complete(await driver.poll(), driver.activity("a", start_to_close_timeout=60))
    task = await driver.poll_activity()
    canceled = {"task_token": task.task_token, "identity": WORKER}
    found["activity.canceled_without_request"] = await record(
        client, "respond_activity_task_canceled", **canceled
    )
    found["activity.failed_with_server_failure"] = await record(
        client,
        "respond_activity_task_failed",
        task_token=task.task_token,
        failure={"message": "no application failure", "server_failure_info": {}},
    )
    found["activity.completed"] = await record(
        client,
        "respond_activity_task_completed",
        task_token=task.task_token,
        result=payloads("result"),
    )
    await answer_all("after_completion", task.task_token)
    await driver.complete(await driver.poll(), driver.activity("b", start_to_close_timeout=60))
    for state, target in (
        ("unknown_activity", {"workflow_id": workflow_id, "activity_id": "none"}),
        ("unknown_workflow", {"workflow_id": f"{workflow_id}-missing", "activity_id": "b"}),
        ("no_activity_id", {"workflow_id": workflow_id}),
        ("no_workflow_id", {"activity_id": "b"}),
    ):
        for name, (method, fields) in token_methods.items():
            found[f"activity_by_id.{name}_{state}"] = await record(
                client, f"{method}_by_id", **target, **fields
            )
    task = await driver.poll_activity()
    found["activity.failed_without_failure"] = await record(
        client, "respond_activity_task_failed", task_token=task.task_token
    )
    task = await driver.poll_activity()
    found["activity.second_attempt_poll"] = {"response": MessageToDict(task)}
    await driver.terminate(workflow_id, "done")
    await answer_all("after_close", task.task_token)
    return found


async def probe(client: Client, task_queue: str) -> dict:
    """Refused task answers by case name; each group has a task queue of its own."""
    found = {}
    for name, group in (
        ("commands", probe_bad_commands),
        ("workflow-tasks", probe_workflow_tasks),
        ("activities", probe_activities),
    ):
        queue = f"{task_queue}-{name}"
        found |= await group(client, Driver(client, queue), queue)
    return found
