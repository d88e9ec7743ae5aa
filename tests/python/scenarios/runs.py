"""Chains of runs: continue-as-new, retry, reset, and a run that times out."""

import asyncio

from temporalio.api.common.v1 import RetryPolicy, WorkflowType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from raw import CLIENT, WORKFLOW_TYPE, Driver, command, complete_workflow, failure, payloads, seconds


async def continue_as_new(client: Client, task_queue: str):
    """A run continues as new; its successor completes.

    The run lasts longer than a second: the server delays the first task of the
    successor of a shorter run by the rest of that second.
    """
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    task = await driver.poll()
    await asyncio.sleep(1.2)
    await driver.complete(
        task,
        command(
            "continue_as_new_workflow_execution",
            workflow_type=WorkflowType(name=WORKFLOW_TYPE),
            task_queue=driver.task_queue,
            input=payloads("second input"),
        ),
    )
    task = await driver.poll()
    await driver.complete(task, complete_workflow())
    return [(task_queue, run_id), (task_queue, task.workflow_execution.run_id)]


async def workflow_retry(client: Client, task_queue: str):
    """A run fails under a retry policy; the second attempt completes after its backoff."""
    driver = Driver(client, task_queue)
    policy = RetryPolicy(initial_interval=seconds(1), maximum_attempts=2)
    run_id = await driver.start(task_queue, retry_policy=policy)
    await driver.complete(
        await driver.poll(), command("fail_workflow_execution", failure=failure("first attempt"))
    )
    task = await driver.poll()
    await driver.complete(task, complete_workflow())
    return [(task_queue, run_id), (task_queue, task.workflow_execution.run_id)]


async def reset(client: Client, task_queue: str):
    """A running workflow is reset to its first task; a later signal is applied again."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll(), driver.activity("a", start_to_close_timeout=60))
    await driver.signal(task_queue)
    await driver.service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=driver.namespace,
            workflow_execution=driver.execution(task_queue, run_id),
            reason="try again",
            workflow_task_finish_event_id=4,
            identity=CLIENT,
            request_id=f"reset-{task_queue}",
        )
    )
    task = await driver.poll()
    await driver.complete(task, complete_workflow())
    return [(task_queue, run_id), (task_queue, task.workflow_execution.run_id)]


async def run_timeout(client: Client, task_queue: str):
    """A run whose task is never polled reaches its timeout."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue, workflow_run_timeout=seconds(1))
    await driver.step()
    await driver.wait_for_event(task_queue, run_id, "WORKFLOW_EXECUTION_TIMED_OUT")
    return [(task_queue, run_id)]


SCENARIOS = [continue_as_new, workflow_retry, reset, run_timeout]
