"""Workflows that start or signal other workflows."""

import asyncio

from temporalio import workflow
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import WorkflowType
from temporalio.client import Client

from raw import WORKFLOW_TYPE, Driver, command, complete_workflow, payloads

from .sdk import let_restart_at, reference, worker


@workflow.defn
class ChildWorkflow:
    """Waits a little, so that its parent handles the start before the completion."""

    @workflow.run
    async def run(self, name: str) -> str:
        await asyncio.sleep(0.5)
        return f"hello {name}"


@workflow.defn
class ParentWorkflow:
    """Runs one child to completion."""

    @workflow.run
    async def run(self) -> str:
        child_id = f"{workflow.info().workflow_id}-child"
        return await workflow.execute_child_workflow(ChildWorkflow.run, "child", id=child_id)


def start_child(driver: Driver, child_id: str) -> Command:
    """The command that starts a child on a driver's task queue."""
    return command(
        "start_child_workflow_execution",
        workflow_id=child_id,
        workflow_type=WorkflowType(name=WORKFLOW_TYPE),
        task_queue=driver.task_queue,
        input=payloads("child input"),
    )


def signal_external(driver: Driver, workflow_id: str) -> Command:
    """The command that signals another workflow of the same namespace."""
    return command(
        "signal_external_workflow_execution",
        namespace=driver.namespace,
        execution=driver.execution(workflow_id),
        signal_name="from-workflow",
        input=payloads("signal"),
    )


async def child_completes(client: Client, task_queue: str):
    """A parent starts a child and returns its result."""
    async with worker(client, task_queue, [ParentWorkflow, ChildWorkflow]):
        handle = await client.start_workflow(ParentWorkflow.run, id=task_queue, task_queue=task_queue)
        # Its parent has heard of its start, and it sleeps.
        await let_restart_at(client, task_queue, "WORKFLOW_TASK_COMPLETED")
        assert await handle.result() == "hello child"
    child = await client.get_workflow_handle(f"{task_queue}-child").describe()
    return [reference(handle), (child.id, child.run_id)]


async def child_id_in_use(client: Client, task_queue: str):
    """Starting a child whose id is running fails the start, not the parent."""
    driver = Driver(client, task_queue)
    child_id = f"{task_queue}-child"
    await Driver(client, f"{task_queue}-other").start(child_id)
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll(), start_child(driver, child_id))
    await driver.complete(await driver.poll(), complete_workflow())
    await driver.terminate(child_id, "no longer needed")
    return [(task_queue, run_id)]


async def child_terminated_by_parent(client: Client, task_queue: str):
    """A parent completes; its child is terminated by the default close policy."""
    driver, child = Driver(client, task_queue), Driver(client, f"{task_queue}-child")
    child_id = child.task_queue.name
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll(), start_child(child, child_id))
    child_run_id = (await child.poll()).workflow_execution.run_id
    await driver.complete(await driver.poll(), complete_workflow())
    await child.wait_for_event(child_id, child_run_id, "WORKFLOW_EXECUTION_TERMINATED")
    return [(task_queue, run_id), (child_id, child_run_id)]


async def external_signal(client: Client, task_queue: str):
    """One workflow signals another, which completes; and one that does not exist."""
    driver, other = Driver(client, task_queue), Driver(client, f"{task_queue}-other")
    other_id = other.task_queue.name
    other_run_id = await other.start(other_id)
    await other.complete(await other.poll())
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll(), signal_external(driver, other_id))
    await driver.complete(await driver.poll(), signal_external(driver, f"{task_queue}-missing"))
    await driver.complete(await driver.poll(), complete_workflow())
    await other.complete(await other.poll(), complete_workflow())
    return [(task_queue, run_id), (other_id, other_run_id)]


async def external_cancel(client: Client, task_queue: str):
    """One workflow asks another to cancel, with a reason; then its own child only; then one that does not exist."""
    driver, other = Driver(client, task_queue), Driver(client, f"{task_queue}-other")
    other_id = other.task_queue.name
    other_run_id = await other.start(other_id)
    await other.complete(await other.poll())
    run_id = await driver.start(task_queue)
    for request in (
        {"workflow_id": other_id, "reason": "scripted", "control": "kept"},
        {"workflow_id": other_id, "child_workflow_only": True},
        {"workflow_id": f"{task_queue}-missing"},
    ):
        cancel = command("request_cancel_external_workflow_execution", **request)
        await driver.complete(await driver.poll(), cancel)
    await driver.complete(await driver.poll(), complete_workflow())
    await other.complete(await other.poll(), command("cancel_workflow_execution"))
    return [(task_queue, run_id), (other_id, other_run_id)]


async def child_of_continued(client: Client, task_queue: str):
    """A parent continues as new; its child is terminated all the same.

    The parent lasts longer than a second: see `continue_as_new`.
    """
    driver, child = Driver(client, task_queue), Driver(client, f"{task_queue}-child")
    child_id = child.task_queue.name
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll(), start_child(child, child_id))
    child_run_id = (await child.poll()).workflow_execution.run_id
    task = await driver.poll()
    await asyncio.sleep(1.2)
    await driver.complete(task, command("continue_as_new_workflow_execution"))
    await child.wait_for_event(child_id, child_run_id, "WORKFLOW_EXECUTION_TERMINATED")
    task = await driver.poll()
    await driver.complete(task, complete_workflow())
    second_run_id = task.workflow_execution.run_id
    return [(task_queue, run_id), (task_queue, second_run_id), (child_id, child_run_id)]


SCENARIOS = [
    child_completes,
    child_id_in_use,
    child_terminated_by_parent,
    external_signal,
    external_cancel,
    child_of_continued,
]
