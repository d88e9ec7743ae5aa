"""A schedule's life with the ordinary SDK client and a worker.

    python schedule_story.py [--phase begin|finish --schedule-id ID] [--address HOST:PORT] [--namespace NS] [--api-key KEY]

Makes one that acts every second, watches it act, pauses, triggers, backfills, updates, lists and deletes it. With
`--phase` only up to the pause, or only what comes after it: the server may be another process by then.
"""

import argparse
import asyncio
import uuid
from datetime import datetime, timedelta, timezone

from temporalio import workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from connect import add_connection_arguments, connect, run_program

PATIENCE = 60


@workflow.defn
class CountWorkflow:
    """Counts on from what the run before it counted to."""

    @workflow.run
    async def run(self) -> int:
        last = workflow.get_last_completion_result(int) if workflow.has_last_completion_result() else 0
        return last + 1


async def until(what: str, look) -> object:
    """Ask until the answer is something."""
    for _ in range(PATIENCE * 10):
        if found := await look():
            return found
        await asyncio.sleep(0.1)
    raise TimeoutError(what)


async def acted(handle: ScheduleHandle, times: int) -> int:
    """Wait until it has acted so often."""

    async def enough() -> int:
        count = (await handle.describe()).info.num_actions
        return count if count >= times else 0

    return await until(f"{times} actions", enough)


async def listed(client: Client, schedule_id: str) -> bool:
    """Whether lists show it."""
    return any([it.id == schedule_id async for it in await client.list_schedules()])


async def begin(client: Client, schedule_id: str, task_queue: str) -> None:
    """Make a schedule, watch it act, and pause it."""
    action = ScheduleActionStartWorkflow(
        CountWorkflow.run, id=f"{schedule_id}-run", task_queue=task_queue
    )
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE),
        state=ScheduleState(note="counting"),
    )
    handle = await client.create_schedule(schedule_id, schedule, memo={"kept": "yes"})
    try:
        await client.create_schedule(schedule_id, schedule)
        raise AssertionError("made twice")
    except ScheduleAlreadyRunningError:
        pass
    await acted(handle, 3)
    described = await handle.describe()
    assert described.schedule.state.note == "counting"
    assert await described.memo_value("kept") == "yes"
    assert len(described.info.next_action_times) == 10
    first = described.info.recent_actions[0].action.workflow_id
    assert first.startswith(f"{schedule_id}-run-20") and first.endswith("Z"), first

    await handle.pause(note="enough")
    await until("the pause", lambda: paused(handle, True))
    assert (await handle.describe()).schedule.state.note == "enough"


async def paused(handle: ScheduleHandle, wanted: bool) -> bool:
    """Whether it is paused, or is not, as wanted."""
    return (await handle.describe()).schedule.state.paused == wanted


async def finish(client: Client, schedule_id: str) -> None:
    """Lead the schedule from its pause to its end."""
    handle = client.get_schedule_handle(schedule_id)
    described = await handle.describe()
    assert described.schedule.state.paused and described.schedule.state.note == "enough"
    assert await described.memo_value("kept") == "yes"

    async def idle() -> bool:
        return not (await handle.describe()).info.running_actions

    await until("nothing to run", idle)
    count = (await handle.describe()).info.num_actions
    newest = (await handle.describe()).info.recent_actions[-1].action
    result = await client.get_workflow_handle(newest.workflow_id).result()
    assert result == count, f"run {count} of the schedule counted to {result}"

    await handle.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    await acted(handle, count + 1)
    then = datetime(2024, 1, 1, tzinfo=timezone.utc)
    await handle.backfill(
        ScheduleBackfill(
            start_at=then,
            end_at=then + timedelta(seconds=4),
            overlap=ScheduleOverlapPolicy.ALLOW_ALL,
        )
    )
    assert await acted(handle, count + 6) == count + 6
    await client.get_workflow_handle(f"{schedule_id}-run-2024-01-01T00:00:04Z").result()

    async def change(update: ScheduleUpdateInput) -> ScheduleUpdate:
        update.description.schedule.spec = ScheduleSpec(cron_expressions=["0 12 * * MON-FRI"])
        return ScheduleUpdate(schedule=update.description.schedule)

    await handle.update(change)
    await handle.unpause()
    await until("the end of the pause", lambda: paused(handle, False))
    described = await handle.describe()
    assert all(at.hour == 12 for at in described.info.next_action_times)
    assert described.schedule.spec.calendars[0].hour[0].start == 12

    await until("it is listed", lambda: listed(client, schedule_id))
    await handle.delete()
    try:
        await handle.describe()
        raise AssertionError("described after its deletion")
    except RPCError as error:
        assert error.status == RPCStatusCode.NOT_FOUND, error

    async def gone() -> bool:
        return not await listed(client, schedule_id)

    await until("it is listed no more", gone)


async def main() -> None:
    """Connect, run a worker, lead a schedule through its life."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phase", choices=["begin", "finish"])
    parser.add_argument("--schedule-id", default=f"schedule-{uuid.uuid4().hex}")
    add_connection_arguments(parser)
    args = parser.parse_args()
    client = await connect(args)
    name = args.schedule_id
    async with Worker(client, task_queue=name, workflows=[CountWorkflow]):
        if args.phase != "finish":
            await begin(client, name, name)
        if args.phase != "begin":
            await finish(client, name)
    print("OK")


if __name__ == "__main__":
    run_program(main)
