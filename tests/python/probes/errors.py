"""Calls on workflows that an implementation must refuse, with the exact error."""

import asyncio

from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.enums.v1 import WorkflowIdReusePolicy as Reuse
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.client import Client

from raw import CLIENT, Driver, complete_workflow, seconds

from .calls import GARBAGE, record
from .service_errors import service_cases

UNKNOWN_RUN = "00000000-0000-4000-8000-000000000000"


def start_cases(driver: Driver, running: str, closed: str) -> dict[str, dict]:
    """Refused starts: fields of the request by case name."""
    valid = {
        "workflow_id": running,
        "workflow_type": {"name": "Scripted"},
        "task_queue": {"name": driver.task_queue.name},
        "identity": CLIENT,
    }
    fresh = {**valid, "workflow_id": f"{running}-fresh"}
    return {
        "already_running": valid,
        "closed_reject_duplicate": {
            **valid,
            "workflow_id": closed,
            "workflow_id_reuse_policy": Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
        },
        "completed_allow_failed_only": {
            **valid,
            "workflow_id": closed,
            "workflow_id_reuse_policy": Reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
        },
        "no_workflow_id": {**valid, "workflow_id": ""},
        "long_workflow_id": {**valid, "workflow_id": "x" * 1001},
        "no_type": {**fresh, "workflow_type": None},
        "long_type": {**fresh, "workflow_type": {"name": "x" * 1001}},
        "no_task_queue": {**fresh, "task_queue": None},
        "reserved_task_queue": {**fresh, "task_queue": {"name": "/_sys/x"}},
        "long_request_id": {**fresh, "request_id": "x" * 1001},
        "negative_run_timeout": {**fresh, "workflow_run_timeout": seconds(-1)},
        "bad_cron": {**fresh, "cron_schedule": "every now and then"},
        "cron_and_delay": {
            **fresh,
            "cron_schedule": "* * * * *",
            "workflow_start_delay": seconds(1),
        },
        "bad_retry_policy": {
            **fresh,
            "retry_policy": RetryPolicy(initial_interval=seconds(1), backoff_coefficient=0.5),
        },
        "unknown_namespace": {**fresh, "namespace": "no-such-namespace"},
        "no_namespace": {**fresh, "namespace": ""},
    }


def execution_cases(running: str, closed: str, missing: str) -> dict[str, tuple[str, dict]]:
    """Refused calls on existing, closed and missing workflows: (method, fields) by case name."""
    query = WorkflowQuery(query_type="status")

    def target(workflow_id: str, run_id: str = "") -> dict:
        return {"workflow_id": workflow_id, "run_id": run_id}

    signal = ("signal_workflow_execution", "signal_name", "go")
    cases: dict[str, tuple[str, dict]] = {}
    for method, *extra in (
        signal,
        ("terminate_workflow_execution",),
        ("request_cancel_workflow_execution",),
    ):
        fields = dict([extra]) if extra else {}
        for state, execution in (
            ("missing", target(missing)),
            ("closed", target(closed)),
            ("unknown_run", target(running, UNKNOWN_RUN)),
            ("bad_run_id", target(running, "not-a-uuid")),
            ("no_workflow_id", target("")),
        ):
            cases[f"{method}.{state}"] = (method, {"workflow_execution": execution, **fields})
    for method in (
        "describe_workflow_execution",
        "get_workflow_execution_history",
        "get_workflow_execution_history_reverse",
        "reset_sticky_task_queue",
    ):
        cases[f"{method}.missing"] = (method, {"execution": target(missing)})
        cases[f"{method}.unknown_run"] = (method, {"execution": target(running, UNKNOWN_RUN)})
        cases[f"{method}.bad_run_id"] = (method, {"execution": target(running, "not-a-uuid")})
        cases[f"{method}.no_workflow_id"] = (method, {"execution": target("")})
    return cases | {
        "signal.no_name": (signal[0], {"workflow_execution": target(running)}),
        "signal.no_execution": (signal[0], {"signal_name": "go"}),
        "history.bad_token": (
            "get_workflow_execution_history",
            {"execution": target(running), "next_page_token": GARBAGE},
        ),
        "query.missing": ("query_workflow", {"execution": target(missing), "query": query}),
        "query.no_query": ("query_workflow", {"execution": target(running)}),
        "delete.missing": ("delete_workflow_execution", {"workflow_execution": target(missing)}),
        "reset.missing": (
            "reset_workflow_execution",
            {
                "workflow_execution": target(missing),
                "workflow_task_finish_event_id": 4,
                "request_id": "r",
            },
        ),
        "reset.bad_event": (
            "reset_workflow_execution",
            {
                "workflow_execution": target(running),
                "workflow_task_finish_event_id": 99,
                "request_id": "r",
            },
        ),
        "reset.no_request_id": (
            "reset_workflow_execution",
            {"workflow_execution": target(running), "workflow_task_finish_event_id": 4},
        ),
        "update.missing": (
            "update_workflow_execution",
            {
                "workflow_execution": target(missing),
                "request": {"meta": {"update_id": "u"}, "input": {"name": "n"}},
                "wait_policy": {"lifecycle_stage": 2},
            },
        ),
        "update.no_name": (
            "update_workflow_execution",
            {"workflow_execution": target(running), "request": {"meta": {"update_id": "u"}}},
        ),
        "update.closed": (
            "update_workflow_execution",
            {
                "workflow_execution": target(closed),
                "request": {"meta": {"update_id": "u"}, "input": {"name": "n"}},
                "wait_policy": {"lifecycle_stage": 2},
            },
        ),
    }


def until_its_deadline(answer: dict) -> dict:
    """Of a call that waits for as long as it may: whether client or server says first that this is over is chance."""
    code = answer.get("error", {}).get("code")
    return {"waits": "until its deadline"} if code in ("CANCELLED", "DEADLINE_EXCEEDED") else answer


async def probe_unanswered_queries(client: Client, task_queue: str, polled: str) -> dict:
    """Queries nobody can answer; `polled` is a closed workflow whose queue was polled once.

    The server remembers a queue's pollers for 20 s, during which such a query waits.
    A query to a workflow that has not had its first task waits too, here until the
    client's own deadline.
    """
    never = Driver(client, f"{task_queue}-never-polled")
    workflow_id = never.task_queue.name
    query = {"execution": {"workflow_id": workflow_id}, "query": {"query_type": "status"}}
    await never.start(workflow_id)
    answer = await record(client, "query_workflow", timeout=3, **query)
    found = {"query.waits_for_first_task": until_its_deadline(answer)}
    await never.terminate(workflow_id, "done")
    found["query.closed_before_first_task"] = await record(client, "query_workflow", **query)
    await asyncio.sleep(21)
    query["execution"] = {"workflow_id": polled}
    found["query.no_recent_poller"] = await record(client, "query_workflow", **query)
    return found


async def probe(client: Client, task_queue: str) -> dict:
    """Refused calls by case name."""
    driver = Driver(client, task_queue)
    running, closed = f"{task_queue}-running", f"{task_queue}-closed"
    missing = f"{task_queue}-missing"
    await driver.start(closed)
    await driver.complete(await driver.poll(), complete_workflow())
    await driver.start(running)
    found = {}
    for name, fields in start_cases(driver, running, closed).items():
        found[f"start.{name}"] = await record(client, "start_workflow_execution", **fields)
    cases = execution_cases(running, closed, missing) | service_cases(task_queue)
    for name, (method, fields) in cases.items():
        found[name] = await record(client, method, **fields)
    await driver.terminate(running, "done")
    return found | await probe_unanswered_queries(client, task_queue, closed)
