"""Workflow tasks that fail or time out, on the normal and on the sticky queue."""

import asyncio

from temporalio.client import Client

from raw import Driver, complete_workflow, seconds


async def sticky_timeout(client: Client, task_queue: str):
    """A sticky task nobody polls times out after 1 s and moves to the normal queue.

    The first signal is delivered to a waiting sticky poll, which makes the poller
    known; without a recent poller the server would skip the sticky queue at once.
    """
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll(), sticky_timeout=1)
    sticky_poll = asyncio.create_task(driver.poll(sticky=True))
    await asyncio.sleep(0.5)
    await driver.signal(task_queue, "delivered")
    await driver.complete(await sticky_poll, sticky_timeout=1)
    await driver.signal(task_queue, "times-out")
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


async def task_failed(client: Client, task_queue: str):
    """A failed task is written; its second, transient attempt completes the workflow."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.fail_task(await driver.poll())
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


async def task_failed_repeatedly(client: Client, task_queue: str):
    """Only the first of several failures is written; the attempt number shows the rest.

    Two failures only: from the fourth attempt on, the task's timeout is random.
    """
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    for _ in range(2):
        await driver.fail_task(await driver.poll())
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


async def task_timeout(client: Client, task_queue: str):
    """A task that is never answered times out; a transient attempt follows."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue, workflow_task_timeout=seconds(1))
    await driver.poll()
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


SCENARIOS = [sticky_timeout, task_failed, task_failed_repeatedly, task_timeout]
