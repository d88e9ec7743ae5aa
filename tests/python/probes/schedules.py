"""Calls on schedules: what is refused and how, and a schedule's life as its answers show it."""

import asyncio
from base64 import b64decode

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import ScheduleOverlapPolicy as Overlap
from temporalio.client import Client

from raw import CLIENT, Driver, complete_workflow, failure, seconds
from raw import command as command_of

from .calls import call, record

NEW_YEAR_2024 = 1_704_067_200
NEW_YEAR_2100 = 4_102_444_800


def action(workflow_id: str, queue: str, **fields) -> dict:
    """An action that starts a scripted workflow."""
    start = {
        "workflow_id": workflow_id,
        "workflow_type": {"name": "Scripted"},
        "task_queue": {"name": queue},
        **fields,
    }
    return {"start_workflow": start}


def rare(queue: str, **fields) -> dict:
    """A schedule that is due once in a lifetime."""
    return {
        "spec": {"calendar": [{"year": "2099"}]},
        "action": action(f"{queue}-run", queue),
        **fields,
    }


def refused_creates(queue: str, taken: str) -> dict[str, dict]:
    """Fields of creations that are refused, or accepted though they look odd, by case name."""
    valid = {"schedule_id": f"{queue}-refused", "schedule": rare(queue), "request_id": "one"}

    def acting(**fields) -> dict:
        return {**valid, "schedule": rare(queue, action=action(**{"workflow_id": "w", "queue": queue, **fields}))}

    def specified(**spec) -> dict:
        return {**valid, "schedule": rare(queue, spec=spec)}

    return {
        "taken": {**valid, "schedule_id": taken, "request_id": "another"},
        "no_request_id": {**valid, "request_id": ""},
        "long_request_id": {**valid, "request_id": "x" * 1001},
        "long_id": {**valid, "schedule_id": "x" * 1000},
        "unknown_namespace": {**valid, "namespace": "no-such-namespace"},
        "no_namespace": {**valid, "namespace": ""},
        "bad_cron": specified(cron_string=["* * *"]),
        "bad_zone": specified(timezone_name="Not/Here"),
        "bad_range": specified(structured_calendar=[{"hour": [{"start": 30}]}]),
        "zero_interval": specified(interval=[{"interval": seconds(0)}]),
        "long_comment": specified(structured_calendar=[{"comment": "x" * 201}]),
        "no_workflow_type": acting(workflow_type={"name": ""}),
        "long_workflow_type": acting(workflow_type={"name": "x" * 1001}),
        "long_workflow_id": acting(workflow_id="x" * 980),
        "no_task_queue": acting(task_queue={"name": ""}),
        "reserved_task_queue": acting(task_queue={"name": "/_sys/x"}),
        "negative_timeout": acting(workflow_run_timeout=seconds(-1)),
        "cron_in_action": acting(cron_schedule="* * * * *"),
        "reuse_policy_in_action": acting(workflow_id_reuse_policy=3),
        "unknown_search_attribute": {
            **valid,
            "search_attributes": {"indexed_fields": {"Nobody": payload("1")}},
        },
        "unknown_search_attribute_in_action": acting(
            search_attributes={"indexed_fields": {"Nobody": payload("1")}}
        ),
    }


def payload(json: str) -> dict:
    """A payload of JSON."""
    return {"metadata": {"encoding": b"json/plain"}, "data": json.encode()}


async def probe_refused(client: Client, queue: str) -> dict:
    """Creations and other calls that are refused."""
    taken = f"{queue}-taken"
    await call(client, "create_schedule", schedule_id=taken, schedule=rare(queue), request_id="first")
    found = {}
    for name, fields in refused_creates(queue, taken).items():
        found[f"create.{name}"] = await record(client, "create_schedule", **fields)
    found["create.repeated"] = await record(
        client, "create_schedule", schedule_id=taken, schedule=rare(queue), request_id="first"
    )
    patch = {"patch": {"pause": "because"}, "request_id": "p"}
    times = {
        "start_time": Timestamp(seconds=NEW_YEAR_2024),
        "end_time": Timestamp(seconds=NEW_YEAR_2024 + 86400),
    }
    update = {"schedule": rare(queue), "request_id": "u"}
    for state, schedule_id in (("missing", f"{queue}-missing"), ("deleted", taken)):
        if state == "deleted":
            await call(client, "delete_schedule", schedule_id=taken)
        for method, fields in (
            ("describe_schedule", {}),
            ("update_schedule", update),
            ("patch_schedule", patch),
            ("list_schedule_matching_times", times),
            ("delete_schedule", {}),
        ):
            found[f"{method}.{state}"] = await record(
                client, method, schedule_id=schedule_id, **fields
            )
    found["create.after_deletion"] = await record(
        client, "create_schedule", schedule_id=taken, schedule=rare(queue), request_id="second"
    )
    long = "x" * 1001
    found["patch.long_notes"] = await record(
        client, "patch_schedule", schedule_id=taken, patch={"pause": long}
    )
    found["patch.long_request_id"] = await record(
        client, "patch_schedule", schedule_id=taken, patch={"pause": "p"}, request_id=long
    )
    found["update.bad_cron"] = await record(
        client,
        "update_schedule",
        schedule_id=taken,
        schedule=rare(queue, spec={"cron_string": ["x"]}),
    )
    found["times.backwards"] = await record(
        client,
        "list_schedule_matching_times",
        schedule_id=taken,
        start_time=times["end_time"],
        end_time=times["start_time"],
    )
    found["times.no_bounds"] = await record(
        client, "list_schedule_matching_times", schedule_id=taken
    )
    for name, query in (
        ("workflow_id", "WorkflowId = 'x'"),
        ("unknown", "Nobody = 1"),
        ("order", "ORDER BY StartTime"),
    ):
        found[f"list.{name}"] = await record(client, "list_schedules", query=query)
    await call(client, "delete_schedule", schedule_id=taken)
    return found


def readable(event) -> dict:
    """An event with its search attributes as the text that they are, so that ids and times in them show."""
    found = MessageToDict(event)
    for attribute in found["workflowExecutionStartedEventAttributes"]["searchAttributes"]["indexedFields"].values():
        for key, value in attribute["metadata"].items():
            attribute["metadata"][key] = b64decode(value).decode()
        attribute["data"] = b64decode(attribute["data"]).decode()
    return found


async def until(client: Client, schedule_id: str, done) -> dict:
    """Describe a schedule until `done` says that it shows what was waited for."""
    for _ in range(200):
        described = await call(client, "describe_schedule", schedule_id=schedule_id)
        if done(described):
            return MessageToDict(described)
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{schedule_id}: {described}")


async def probe_life(client: Client, queue: str) -> dict:
    """Create, list, trigger, pause, update and delete one schedule."""
    schedule_id = f"{queue}-life"
    driver = Driver(client, queue)
    schedule = rare(
        queue,
        spec={"cron_string": ["0 12 * * MON-FRI 2099"], "interval": [{"interval": seconds(3e9)}], "end_time": Timestamp(seconds=NEW_YEAR_2100)},
        policies={"pause_on_failure": True},
        state={"notes": "new", "limited_actions": True, "remaining_actions": 5},
    )
    found = {
        "create": await record(
            client,
            "create_schedule",
            schedule_id=schedule_id,
            schedule=schedule,
            request_id="create",
            identity=CLIENT,
            memo={"fields": {"note": payload('"kept"')}},
        ),
        "describe.new": await until(client, schedule_id, lambda _: True),
    }
    query = f"ScheduleId = '{schedule_id}'"
    for _ in range(100):
        listed = await call(client, "list_schedules", query="")
        if any(entry.schedule_id == schedule_id for entry in listed.schedules):
            break
        await asyncio.sleep(0.1)
    found["list.one"] = [
        MessageToDict(entry) for entry in listed.schedules if entry.schedule_id == schedule_id
    ]
    as_workflows = f"TemporalNamespaceDivision = 'TemporalScheduler' AND {query} AND ExecutionStatus = 'Running'"
    executions = (await call(client, "list_workflow_executions", query=as_workflows)).executions
    found["list.as_workflow"] = [
        {"id": it.execution.workflow_id, "type": it.type.name, "queue": it.task_queue} for it in executions
    ]

    async def trigger(number: int) -> None:
        # Times of their own: two of one second would start the same workflow id.
        now = {
            "overlap_policy": Overlap.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
            "scheduled_time": Timestamp(seconds=NEW_YEAR_2024 + number),
        }
        await call(
            client,
            "patch_schedule",
            schedule_id=schedule_id,
            patch={"trigger_immediately": now},
            request_id=f"trigger-{number}",
        )

    await trigger(1)
    found["describe.running"] = await until(client, schedule_id, lambda it: it.info.running_workflows)
    task = await driver.poll()
    found["started_event"] = readable(task.history.events[0])
    await driver.complete(task, complete_workflow("first result"))
    await trigger(2)
    task = await driver.poll()
    found["second_started_event"] = readable(task.history.events[0])
    fail = command_of("fail_workflow_execution", failure=failure("no luck"))
    await driver.complete(task, fail)
    await trigger(3)
    task = await driver.poll()
    found["third_started_event"] = readable(task.history.events[0])
    found["describe.paused_by_failure"] = await until(client, schedule_id, lambda it: it.schedule.state.paused)
    stale = {"schedule_id": schedule_id, "schedule": rare(queue)}
    found["update"] = await record(client, "update_schedule", **stale, request_id="update")
    found["describe.updated"] = await until(
        client, schedule_id, lambda it: it.info.HasField("update_time")
    )
    await call(
        client, "patch_schedule", schedule_id=schedule_id, patch={"unpause": "go on"}, request_id="un"
    )
    found["describe.unpaused"] = await until(
        client, schedule_id, lambda it: it.schedule.state.notes == "go on"
    )
    await driver.complete(task, complete_workflow())
    found["delete"] = await record(client, "delete_schedule", schedule_id=schedule_id)
    return found


async def probe(client: Client, queue: str) -> dict:
    """Every case by name."""
    return {**await probe_refused(client, queue), **await probe_life(client, queue)}
