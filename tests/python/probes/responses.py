"""Whole answers of the calls that clients and workers live on."""

import asyncio

from google.protobuf.json_format import MessageToDict
from temporalio.api.enums.v1 import QueryResultType, TaskQueueType, WorkflowIdConflictPolicy
from temporalio.client import Client

from raw import CLIENT, Driver, complete_workflow, failure, payloads
from sizes import sizes, tell_sizes

from .calls import call, record

QUERY = {"query_type": "status", "query_args": payloads("argument")}
START = "start_workflow_execution"


async def wait_for_count(client: Client, query: str) -> None:
    """Wait until visibility, which may lag, finds exactly one workflow."""
    for _ in range(100):
        if (await call(client, "count_workflow_executions", query=query)).count == 1:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(query)


async def probe_service(client: Client, queue: str) -> dict:
    """What a client asks before it does anything, and an empty poll."""
    return {
        "get_system_info": await record(client, "get_system_info"),
        "get_cluster_info": await record(client, "get_cluster_info"),
        "describe_namespace": await record(client, "describe_namespace"),
        "empty_workflow_poll": await record(
            client, "poll_workflow_task_queue", task_queue={"name": queue}, timeout=3
        ),
        "empty_activity_poll": await record(
            client, "poll_activity_task_queue", task_queue={"name": queue}, timeout=3
        ),
    }


async def probe_starts(client: Client, queue: str) -> dict:
    """Start, repeat with the same request id, use an existing run, signal with start."""
    fields = {
        "workflow_id": queue,
        "workflow_type": {"name": "Scripted"},
        "task_queue": {"name": queue},
        "request_id": "one",
        "identity": CLIENT,
    }
    use_existing = WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
    signal = {**fields, "signal_name": "go"}
    return {
        "start": await record(client, START, **fields),
        "start_same_request_id": await record(client, START, **fields),
        "start_use_existing": await record(
            client,
            START,
            **{**fields, "request_id": "two", "workflow_id_conflict_policy": use_existing},
        ),
        "signal_with_start_running": await record(
            client, "signal_with_start_workflow_execution", **{**signal, "request_id": "three"}
        ),
        "signal_with_start_new": await record(
            client,
            "signal_with_start_workflow_execution",
            **{**signal, "workflow_id": f"{queue}-new"},
        ),
        "signal": await record(
            client,
            "signal_workflow_execution",
            workflow_execution={"workflow_id": queue},
            signal_name="go",
        ),
        "cancel": await record(
            client, "request_cancel_workflow_execution", workflow_execution={"workflow_id": queue}
        ),
        "cancel_again": await record(
            client, "request_cancel_workflow_execution", workflow_execution={"workflow_id": queue}
        ),
        "terminate": await record(
            client, "terminate_workflow_execution", workflow_execution={"workflow_id": queue}
        ),
    }


async def probe_queries(client: Client, driver: Driver, workflow_id: str) -> dict:
    """The tasks and answers of queries: idle, failing, beside a workflow task."""
    execution = {"workflow_id": workflow_id}
    found = {}

    async def query_task(name: str, **answer) -> None:
        """Ask, take the query task, answer it, record task and result."""
        asked = asyncio.create_task(
            record(client, "query_workflow", execution=execution, query=QUERY)
        )
        task = await driver.poll()
        found[f"{name}.poll"] = {"response": MessageToDict(task)}
        found[f"{name}.respond"] = await record(
            client, "respond_query_task_completed", task_token=task.task_token, **answer
        )
        found[name] = await asked

    answered = QueryResultType.QUERY_RESULT_TYPE_ANSWERED
    failed = QueryResultType.QUERY_RESULT_TYPE_FAILED
    await query_task("query_idle", completed_type=answered, query_result=payloads("fine"))
    await query_task(
        "query_failing",
        completed_type=failed,
        error_message="no such query",
        failure=failure("no such query"),
    )
    await driver.signal(workflow_id, "beside-query")
    asked = asyncio.create_task(record(client, "query_workflow", execution=execution, query=QUERY))
    await asyncio.sleep(0.5)
    task = await driver.poll()
    found["query_with_task.poll"] = {"response": MessageToDict(task)}
    results = {
        query_id: {"result_type": answered, "answer": payloads("beside")}
        for query_id in task.queries
    }
    await driver.complete(task, query_results=results)
    found["query_with_task"] = await asked
    return found


async def probe_life(client: Client, queue: str) -> dict:
    """One workflow from its first task to its end, described on the way."""
    driver = Driver(client, queue)
    execution = {"workflow_id": queue}
    history = {"execution": execution}
    found = {}

    async def described(name: str) -> None:
        found[f"describe.{name}"] = await record(
            client, "describe_workflow_execution", execution=execution
        )

    run_id = await driver.start(queue)
    await described("before_first_task")
    task = await driver.poll()
    found["workflow_poll.first"] = {"response": MessageToDict(task)}
    await described("task_started")
    await driver.fail_task(task)
    task = await driver.poll()
    found["workflow_poll.transient"] = {"response": MessageToDict(task)}
    found["history.transient"] = await record(client, "get_workflow_execution_history", **history)
    await described("transient_task_started")
    answer = await driver.complete(
        task, driver.activity("a", start_to_close_timeout=60, heartbeat_timeout=60)
    )
    found["complete_workflow_task"] = {"response": MessageToDict(answer)}
    activity = await driver.poll_activity()
    found["activity_poll"] = {"response": MessageToDict(activity)}
    found["heartbeat"] = await record(
        client,
        "record_activity_task_heartbeat",
        task_token=activity.task_token,
        details=payloads("half"),
    )
    await described("activity_running")
    await driver.complete_activity(activity)
    sticky = asyncio.create_task(driver.poll(sticky=True))
    await driver.complete(await driver.poll(), sticky_timeout=10)
    await driver.signal(queue)
    task = await sticky
    found["workflow_poll.sticky"] = {"response": MessageToDict(task)}
    await driver.signal(queue, "buffered")
    answer = await driver.complete(task, return_new_workflow_task=True)
    found["complete_workflow_task.with_new_task"] = {"response": MessageToDict(answer)}
    await driver.complete(answer.workflow_task)
    await described("idle")
    found |= await probe_queries(client, driver, queue)
    await wait_for_count(client, f"WorkflowId = '{queue}'")
    found["list.open"] = await record(
        client, "list_workflow_executions", query=f"WorkflowId = '{queue}'"
    )
    page = await call(client, "get_workflow_execution_history", maximum_page_size=2, **history)
    found["history.first_page"] = {"response": MessageToDict(page)}
    await driver.signal(queue, "last")
    await driver.complete(await driver.poll(), complete_workflow())
    await described("closed")
    found["history.close_event"] = await record(
        client,
        "get_workflow_execution_history",
        history_event_filter_type=2,
        wait_new_event=True,
        **history,
    )
    found["query_closed_rejected"] = await record(
        client, "query_workflow", execution=execution, query=QUERY, query_reject_condition=2
    )
    selection = f"WorkflowId = '{queue}'"
    await wait_for_count(client, f"{selection} AND ExecutionStatus = 'Completed'")
    found["list.closed"] = await record(client, "list_workflow_executions", query=selection)
    found["count"] = await record(client, "count_workflow_executions", query=selection)
    found["count.by_status"] = await record(
        client, "count_workflow_executions", query=f"{selection} GROUP BY ExecutionStatus"
    )
    found["list.nothing"] = await record(
        client, "list_workflow_executions", query="WorkflowId = 'none'"
    )
    for kind in ("WORKFLOW", "ACTIVITY"):
        found[f"describe_task_queue.{kind.lower()}"] = await record(
            client,
            "describe_task_queue",
            task_queue=driver.task_queue,
            task_queue_type=TaskQueueType.Value(f"TASK_QUEUE_TYPE_{kind}"),
            report_stats=True,
        )
    counted = sizes(await driver.history(queue, run_id))
    found = tell_sizes(found, counted)
    found["delete"] = await record(
        client,
        "delete_workflow_execution",
        workflow_execution={"workflow_id": queue, "run_id": run_id},
    )
    return found


async def probe(client: Client, task_queue: str) -> dict:
    """Whole answers by case name; each group has a task queue of its own."""
    found = {}
    for name, group in (("service", probe_service), ("starts", probe_starts), ("life", probe_life)):
        found |= await group(client, f"{task_queue}-{name}")
    return found
