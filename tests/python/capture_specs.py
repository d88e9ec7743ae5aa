"""Ask a server about thousands of schedule specs and write its answers, one JSON object a line.

    python capture_specs.py OUTPUT.jsonl.gz [--count N] [--seed S] [--address HOST:PORT]

The first line says where the answers come from. Each other line has the `spec` as it was sent and
either the `error`, or the `canonical` form that DescribeSchedule shows and `windows`: the times that
ListScheduleMatchingTimes names from an instant to an end, in milliseconds. The first time is written
relative to the instant, each further one relative to the one before; `+` says that more were named.
`unanswered` stands for a schedule that was made and then never answered: the server choked on it.
Schedules are made paused and deleted again: nothing starts.
"""

import argparse
import asyncio
import gzip
import json
import pathlib
import uuid
from datetime import timedelta

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.schedule.v1 import Schedule, ScheduleAction, ScheduleSpec, ScheduleState
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import NewWorkflowExecutionInfo
from temporalio.api.workflowservice import v1 as ws
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from connect import add_connection_arguments, connect, run_program
from schedules.specs import generate

# How far each look goes. Dense specs are cut short, sparse ones need the years.
SPANS = [6 * 3600, 4 * 86400, 3 * 366 * 86400, 90 * 366 * 86400]
KEPT = 12
AT_ONCE = 8
# A schedule that says nothing for this long and often never will: its server searches without end.
PATIENCE = timedelta(seconds=6)
TRIES = 4


async def main() -> int:
    """Ask about every spec and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=7)
    add_connection_arguments(parser)
    args = parser.parse_args()
    client = await connect(args)
    service = client.workflow_service
    described = await service.describe_namespace(ws.DescribeNamespaceRequest(namespace=client.namespace))
    info = await service.get_system_info(ws.GetSystemInfoRequest())
    head = {"server": info.server_version, "seed": args.seed, "namespace_id": described.namespace_info.id}
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int, spec: ScheduleSpec, instants: list[str]) -> dict:
        async with gate:
            if number % 100 == 0:
                print(f"spec {number}", flush=True)
            return await ask_about(client, f"spec-{number}", spec, instants)

    jobs = [ask(number, *case) for number, case in enumerate(generate(args.seed, args.count))]
    lines = [head] + [line for line in await asyncio.gather(*jobs) if line]
    text = "".join(json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n" for line in lines)
    args.output.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(jobs)} specs, {sum('error' in line for line in lines)} refused")
    return 0


async def ask_about(client: Client, schedule_id: str, spec: ScheduleSpec, instants: list[str]) -> dict:
    """Everything that the server says about one spec."""
    service, namespace = client.workflow_service, client.namespace
    answer = {"id": schedule_id, "spec": MessageToDict(spec)}
    action = NewWorkflowExecutionInfo(
        workflow_id="w", workflow_type=WorkflowType(name="W"), task_queue=TaskQueue(name="q")
    )
    schedule = Schedule(
        spec=spec, action=ScheduleAction(start_workflow=action), state=ScheduleState(paused=True)
    )
    try:
        await service.create_schedule(
            ws.CreateScheduleRequest(
                namespace=namespace, schedule_id=schedule_id, schedule=schedule, request_id=str(uuid.uuid4())
            )
        )
    except RPCError as error:
        if error.status != RPCStatusCode.INVALID_ARGUMENT:
            # The server is too busy to say anything of the spec.
            return {}
        return answer | {"error": f"{error.status.name}: {error.message}"}
    try:
        described = await retried(
            lambda: service.describe_schedule(
                ws.DescribeScheduleRequest(namespace=namespace, schedule_id=schedule_id),
                timeout=PATIENCE,
            )
        )
        answer["canonical"] = MessageToDict(described.schedule.spec)
        answer["windows"] = [
            await look(service, namespace, schedule_id, instant) for instant in instants
        ]
    except RPCError as error:
        answer["unanswered"] = error.message
    await retried(
        lambda: service.delete_schedule(
            ws.DeleteScheduleRequest(namespace=namespace, schedule_id=schedule_id)
        )
    )
    return answer


async def look(service, namespace: str, schedule_id: str, instant: str) -> list:
    """The first times after an instant, over the shortest span that shows enough of them."""
    start = Timestamp()
    start.FromJsonString(instant)
    for length in SPANS:
        end = Timestamp(seconds=start.seconds + length)
        request = ws.ListScheduleMatchingTimesRequest(
            namespace=namespace, schedule_id=schedule_id, start_time=start, end_time=end
        )
        listed = await retried(
            lambda: service.list_schedule_matching_times(request, timeout=PATIENCE)
        )
        times = listed.start_time
        if len(times) >= KEPT:
            break
    millis, before = [], start.ToMilliseconds()
    for time in times[:KEPT]:
        millis.append(time.ToMilliseconds() - before)
        before = time.ToMilliseconds()
    return [instant, end.ToJsonString(), millis] + (["+"] if len(times) > KEPT else [])


async def retried(call):
    """A call repeated while the schedule is too young, or the server too busy, to answer."""
    for _ in range(TRIES):
        try:
            return await call()
        except RPCError:
            await asyncio.sleep(0.5)
    return await call()


if __name__ == "__main__":
    run_program(main)
