"""Cancellation of workflows and of activities."""

from temporalio.api.workflowservice.v1 import (
    RequestCancelWorkflowExecutionRequest,
    RespondActivityTaskCanceledRequest,
)
from temporalio.client import Client

from raw import CLIENT, WORKER, Driver, command, complete_workflow, payloads


async def workflow_canceled(client: Client, task_queue: str):
    """A cancel request leads to a task whose answer cancels the workflow."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll())
    await driver.service.request_cancel_workflow_execution(
        RequestCancelWorkflowExecutionRequest(
            namespace=driver.namespace,
            workflow_execution=driver.execution(task_queue),
            identity=CLIENT,
            request_id=f"cancel-{task_queue}",
            reason="not wanted",
        )
    )
    await driver.complete(
        await driver.poll(), command("cancel_workflow_execution", details=payloads("stopped"))
    )
    return [(task_queue, run_id)]


async def _schedule_then_cancel(driver: Driver, workflow_id: str, poll_activity: bool):
    """Schedule an activity (event 5), perhaps start it, and request its cancellation."""
    run_id = await driver.start(workflow_id)
    await driver.complete(await driver.poll(), driver.activity("a", start_to_close_timeout=60))
    task = await driver.poll_activity() if poll_activity else None
    await driver.signal(workflow_id)
    await driver.complete(
        await driver.poll(), command("request_cancel_activity_task", scheduled_event_id=5)
    )
    return run_id, task


async def activity_canceled_running(client: Client, task_queue: str):
    """A started activity learns of the request and answers canceled."""
    driver = Driver(client, task_queue)
    run_id, task = await _schedule_then_cancel(driver, task_queue, poll_activity=True)
    await driver.service.respond_activity_task_canceled(
        RespondActivityTaskCanceledRequest(
            namespace=driver.namespace,
            task_token=task.task_token,
            details=payloads("half done"),
            identity=WORKER,
        )
    )
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


async def activity_canceled_unstarted(client: Client, task_queue: str):
    """An activity nobody has started is canceled at once."""
    driver = Driver(client, task_queue)
    run_id, _ = await _schedule_then_cancel(driver, task_queue, poll_activity=False)
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


SCENARIOS = [workflow_canceled, activity_canceled_running, activity_canceled_unstarted]
