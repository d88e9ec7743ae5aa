"""Requests that break a limit or make no sense: what the server says to each.

The requests are plain JSON, so that tests in other languages send the very same ones: `cases` is what is sent,
`probe` what came back. A text `<1001 x>` stands for that many letters; `<running>` for a workflow that runs.
"""

import json
import re

from google.protobuf.json_format import ParseDict
from temporalio.client import Client
from temporalio.service import RPCError

from raw import Driver

from .calls import call_message, describe_error, request_class

QUEUE = {"name": "q"}
START = {
    "workflowId": "w",
    "workflowType": {"name": "T"},
    "taskQueue": QUEUE,
}
RUNNING = {"workflowId": "<running>"}
KEYWORD = {"metadata": {"encoding": "anNvbi9wbGFpbg==", "type": "S2V5d29yZA=="}, "data": "ImEi"}
LARGE = {"payloads": [{"data": "<3000000 x>"}]}
LONG = "<1001 x>"


def start(**fields) -> tuple[str, dict]:
    """A start with other fields."""
    return "start_workflow_execution", {**START, **fields}


def of_start() -> dict[str, tuple[str, dict]]:
    """Starts that are refused."""
    return {
        "start.long_task_queue": start(taskQueue={"name": LONG}),
        "start.long_identity": start(workflowId="<running>-identity", identity=LONG),
        "start.long_cron": start(cronSchedule=LONG),
        "start.negative_execution_timeout": start(workflowExecutionTimeout="-1s"),
        "start.negative_task_timeout": start(workflowTaskTimeout="-1s"),
        "start.negative_delay": start(workflowStartDelay="-1s"),
        "start.retry_negative_interval": start(retryPolicy={"initialInterval": "-1s"}),
        "start.retry_maximum_below_initial": start(
            retryPolicy={"initialInterval": "5s", "maximumInterval": "1s", "backoffCoefficient": 2}
        ),
        "start.retry_negative_attempts": start(
            retryPolicy={"initialInterval": "5s", "maximumAttempts": -1, "backoffCoefficient": 2}
        ),
        "start.policies_reject_and_terminate": start(
            workflowIdReusePolicy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
            workflowIdConflictPolicy="WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
        ),
        "start.policies_terminate_and_conflict": start(
            workflowIdReusePolicy="WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING",
            workflowIdConflictPolicy="WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
        ),
        "start.unknown_search_attribute": start(
            searchAttributes={"indexedFields": {"Nonsense": KEYWORD}}
        ),
        "start.reserved_search_attribute": start(
            searchAttributes={"indexedFields": {"ExecutionStatus": KEYWORD}}
        ),
        "start.large_input": start(input=LARGE),
        "start.large_memo": start(memo={"fields": {"m": LARGE["payloads"][0]}}),
        "start.priority_negative": start(priority={"priorityKey": -1}),
        "start.long_fairness_key": start(priority={"fairnessKey": "<65 x>"}),
        "start.long_summary": start(
            workflowId="<running>-summary", userMetadata={"summary": {"data": "<800 x>"}}
        ),
        "start.many_links": start(
            links=[{"batchJob": {"jobId": "j"}} for _ in range(11)],
        ),
        "start.callback_without_url": start(completionCallbacks=[{"nexus": {}}]),
    }


def of_workflows() -> dict[str, tuple[str, dict]]:
    """Calls on a running workflow that are refused."""
    signal = {"workflowExecution": RUNNING, "signalName": "s"}
    long_id = {"workflowId": LONG}
    return {
        "signal.long_name": ("signal_workflow_execution", {**signal, "signalName": LONG}),
        "signal.long_request_id": ("signal_workflow_execution", {**signal, "requestId": LONG}),
        "signal.long_workflow_id": (
            "signal_workflow_execution",
            {**signal, "workflowExecution": long_id},
        ),
        "signal.large_input": ("signal_workflow_execution", {**signal, "input": LARGE}),
        "cancel.long_request_id": (
            "request_cancel_workflow_execution",
            {"workflowExecution": RUNNING, "requestId": LONG},
        ),
        "cancel.long_reason": (
            "request_cancel_workflow_execution",
            {"workflowExecution": RUNNING, "reason": "<3000000 x>", "requestId": "r"},
        ),
        "terminate.long_workflow_id": (
            "terminate_workflow_execution",
            {"workflowExecution": long_id},
        ),
        "terminate.first_run_no_uuid": (
            "terminate_workflow_execution",
            {"workflowExecution": RUNNING, "firstExecutionRunId": "nonsense"},
        ),
        "terminate.other_first_run": (
            "terminate_workflow_execution",
            {
                "workflowExecution": RUNNING,
                "firstExecutionRunId": "00000000-0000-4000-8000-000000000000",
            },
        ),
        "cancel.other_first_run": (
            "request_cancel_workflow_execution",
            {
                "workflowExecution": RUNNING,
                "firstExecutionRunId": "00000000-0000-4000-8000-000000000000",
                "requestId": "r",
            },
        ),
        "describe.long_workflow_id": ("describe_workflow_execution", {"execution": long_id}),
        "query.no_type": ("query_workflow", {"execution": {"workflowId": "none"}, "query": {}}),
        "query.large_arguments": (
            "query_workflow",
            {"execution": RUNNING, "query": {"queryType": "q", "queryArgs": LARGE}},
        ),
        "reverse.bad_token": (
            "get_workflow_execution_history_reverse",
            {"execution": RUNNING, "nextPageToken": "Z2FyYmFnZQ=="},
        ),
    }


def of_tasks() -> dict[str, tuple[str, dict]]:
    """Polls and answers that are refused."""
    garbage = {"taskToken": "Z2FyYmFnZQ=="}
    by_id = {**RUNNING, "activityId": LONG}
    return {
        "poll_workflow.long_task_queue": ("poll_workflow_task_queue", {"taskQueue": {"name": LONG}}),
        "poll_activity.long_task_queue": ("poll_activity_task_queue", {"taskQueue": {"name": LONG}}),
        "poll_activity.long_identity": (
            "poll_activity_task_queue",
            {"taskQueue": QUEUE, "identity": LONG},
        ),
        "complete_workflow_task.long_identity": (
            "respond_workflow_task_completed",
            {**garbage, "identity": LONG},
        ),
        "fail_activity.no_token": ("respond_activity_task_failed", {}),
        "fail_activity.bad_token": ("respond_activity_task_failed", garbage),
        "cancel_activity.bad_token": ("respond_activity_task_canceled", garbage),
        "complete_query.no_token": ("respond_query_task_completed", {}),
        "fail_workflow_task.no_token": ("respond_workflow_task_failed", {}),
        "heartbeat.no_token": ("record_activity_task_heartbeat", {}),
        "heartbeat_by_id.long_activity_id": ("record_activity_task_heartbeat_by_id", by_id),
        "complete_by_id.long_activity_id": ("respond_activity_task_completed_by_id", by_id),
        "complete_by_id.bad_run_id": (
            "respond_activity_task_completed_by_id",
            {**RUNNING, "activityId": "a", "runId": "nonsense"},
        ),
        "complete_by_id.long_workflow_id": (
            "respond_activity_task_completed_by_id",
            {"workflowId": LONG, "activityId": "a"},
        ),
        "describe_task_queue.long_name": ("describe_task_queue", {"taskQueue": {"name": LONG}}),
    }


def of_namespaces() -> dict[str, tuple[str, dict]]:
    """Namespaces that are refused."""
    day = {"workflowExecutionRetentionPeriod": "86400s"}
    return {
        "register_namespace.long_name": ("register_namespace", {"namespace": LONG, **day}),
        "register_namespace.short_retention": (
            "register_namespace",
            {"namespace": "n", "workflowExecutionRetentionPeriod": "60s"},
        ),
        "register_namespace.negative_retention": (
            "register_namespace",
            {"namespace": "n", "workflowExecutionRetentionPeriod": "-60s"},
        ),
        "update_namespace.no_name": ("update_namespace", {"namespace": ""}),
        "update_namespace.short_retention": (
            "update_namespace",
            {"config": {"workflowExecutionRetentionTtl": "60s"}},
        ),
    }


def of_lists() -> dict[str, tuple[str, dict]]:
    """Filters that are refused."""
    filters = {
        "unclosed_quote": "WorkflowId = 'x",
        "no_operator": "WorkflowId",
        "text_for_time": "StartTime = 'yesterday'",
        "text_for_number": "HistoryLength = 'many'",
        "unknown_status": "ExecutionStatus = 'Sleeping'",
        "order_by": "WorkflowId = 'a' ORDER BY StartTime",
        "drop_table": "WorkflowId = 'a'; DROP TABLE executions",
        "starts_with_time": "StartTime STARTS_WITH 'a'",
        "two_filters": "WorkflowId = 'a' WorkflowId = 'b'",
        "like": "WorkflowId LIKE 'a%'",
    }
    cases = {
        f"list.{name}": ("list_workflow_executions", {"query": text})
        for name, text in filters.items()
    }
    return cases | {
        "count.unclosed_quote": ("count_workflow_executions", {"query": "WorkflowId = 'x"}),
        "count.unknown_attribute": ("count_workflow_executions", {"query": "Nonsense = 1"}),
    }


def cases() -> dict[str, tuple[str, dict]]:
    """Every request: method and fields by case name."""
    return of_start() | of_workflows() | of_tasks() | of_namespaces() | of_lists()


def expand(value, running: str):
    """The request with its abbreviations written out."""
    text = json.dumps(value).replace("<running>", running)
    text = re.sub(r"<(\d+) x>", lambda count: "x" * int(count.group(1)), text)
    return json.loads(text)


async def probe(client: Client, task_queue: str) -> dict:
    """Request and answer of every case."""
    driver = Driver(client, task_queue)
    running = f"{task_queue}-running"
    await driver.start(running)
    found = {}
    for name, (method, fields) in cases().items():
        kind = request_class(method)
        fields = {"namespace": client.namespace, **fields}
        message = ParseDict(expand(fields, running), kind())
        case = {"method": kind.__name__.removesuffix("Request"), "request": fields}
        try:
            await call_message(client, method, message)
            case["error"] = None
        except RPCError as error:
            described = describe_error(error)
            described["message"] = described["message"].replace(running, "<running>")
            described["message"] = re.sub(
                "x{65,}", lambda run: f"<{len(run.group())} x>", described["message"]
            )
            case["error"] = described
        found[name] = case
    return found
