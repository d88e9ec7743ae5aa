"""Signals that arrive around workflow tasks: buffering, flushing, unhandled commands."""

from temporalio.client import Client
from temporalio.service import RPCError

from raw import Driver, command, complete_workflow, seconds


async def signal_while_task_started(client: Client, task_queue: str):
    """A buffered signal is written after the task's own events and causes a new task."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    task = await driver.poll()
    await driver.signal(task_queue)
    start_timer = command("start_timer", timer_id="1", start_to_fire_timeout=seconds(3600))
    await driver.complete(task, start_timer)
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


async def unhandled_command(client: Client, task_queue: str):
    """Completing while a signal is buffered fails the task; the next attempt sees the signal."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    task = await driver.poll()
    await driver.signal(task_queue)
    try:
        await driver.complete(task, complete_workflow())
    except RPCError as error:
        assert error.message == "UnhandledCommand", error.message
    else:
        raise AssertionError("completion with a buffered signal was accepted")
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


async def signal_before_transient_start(client: Client, task_queue: str):
    """A signal between two attempts of a failing task turns the second into a written one."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.fail_task(await driver.poll())
    await driver.signal(task_queue)
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


async def signal_during_transient(client: Client, task_queue: str):
    """A signal during a started transient task is flushed after it completes."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.fail_task(await driver.poll())
    task = await driver.poll()
    await driver.signal(task_queue)
    await driver.complete(task)
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


SCENARIOS = [
    signal_while_task_started,
    unhandled_command,
    signal_before_transient_start,
    signal_during_transient,
]
