"""Timers: one that fires, and several of which one is cancelled."""

import asyncio

from temporalio import workflow
from temporalio.client import Client

from .sdk import let_restart_at, reference, worker


@workflow.defn
class TimerWorkflow:
    """Sleeps once."""

    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(1, summary="a short sleep")
        return "slept"


@workflow.defn
class TimersWorkflow:
    """Starts three timers; two fire one after the other, the third is cancelled."""

    @workflow.run
    async def run(self) -> str:
        first = asyncio.create_task(asyncio.sleep(0.5))
        second = asyncio.create_task(asyncio.sleep(1.5))
        third = asyncio.create_task(asyncio.sleep(3600))
        await first
        third.cancel()
        await second
        return "two fired"


async def timer(client: Client, task_queue: str):
    """One timer, with a summary in its user metadata."""
    async with worker(client, task_queue, [TimerWorkflow]):
        handle = await client.start_workflow(TimerWorkflow.run, id=task_queue, task_queue=task_queue)
        await let_restart_at(client, task_queue, "TIMER_STARTED")
        assert await handle.result() == "slept"
    return [reference(handle)]


async def timers_and_cancel(client: Client, task_queue: str):
    """Two timers fire in turn; a long one is cancelled after the first."""
    async with worker(client, task_queue, [TimersWorkflow]):
        handle = await client.start_workflow(TimersWorkflow.run, id=task_queue, task_queue=task_queue)
        await let_restart_at(client, task_queue, "TIMER_CANCELED")
        assert await handle.result() == "two fired"
    return [reference(handle)]


SCENARIOS = [timer, timers_and_cancel]
