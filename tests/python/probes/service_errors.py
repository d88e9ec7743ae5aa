"""Calls that concern no workflow and that an implementation must refuse."""

from raw import seconds

from .calls import GARBAGE


def service_cases(task_queue: str) -> dict[str, tuple[str, dict]]:
    """Refused calls that concern no workflow: (method, fields) by case name."""
    queue = {"name": task_queue}
    return {
        "describe_namespace.missing": ("describe_namespace", {"namespace": "no-such-namespace"}),
        "describe_namespace.nothing": ("describe_namespace", {"namespace": ""}),
        "register_namespace.exists": (
            "register_namespace",
            {"workflow_execution_retention_period": seconds(86400)},
        ),
        "register_namespace.no_retention": ("register_namespace", {"namespace": "new-namespace"}),
        "register_namespace.no_name": (
            "register_namespace",
            {"namespace": "", "workflow_execution_retention_period": seconds(86400)},
        ),
        "update_namespace.missing": ("update_namespace", {"namespace": "no-such-namespace"}),
        "poll_workflow.no_task_queue": ("poll_workflow_task_queue", {}),
        "poll_workflow.short_deadline": (
            "poll_workflow_task_queue",
            {"task_queue": queue, "timeout": 1},
        ),
        "poll_workflow.long_identity": (
            "poll_workflow_task_queue",
            {"task_queue": queue, "identity": "x" * 1001},
        ),
        "poll_activity.no_task_queue": ("poll_activity_task_queue", {}),
        "poll_unknown_namespace": (
            "poll_workflow_task_queue",
            {"task_queue": queue, "namespace": "no-such-namespace"},
        ),
        "list.bad_query": ("list_workflow_executions", {"query": "WorkflowId ="}),
        "list.unknown_attribute": ("list_workflow_executions", {"query": "NoSuch = 'x'"}),
        "list.bad_token": ("list_workflow_executions", {"next_page_token": GARBAGE}),
        "list.negative_page": (
            "list_workflow_executions",
            {"page_size": -1, "query": "WorkflowId = 'none'"},
        ),
        "count.bad_group": ("count_workflow_executions", {"query": "GROUP BY WorkflowId"}),
        "describe_schedule.missing": ("describe_schedule", {"schedule_id": "no-such-schedule"}),
        "describe_task_queue.nothing": ("describe_task_queue", {}),
        "complete_workflow_task.bad_token": (
            "respond_workflow_task_completed",
            {"task_token": GARBAGE},
        ),
        "complete_workflow_task.no_token": ("respond_workflow_task_completed", {}),
        "fail_workflow_task.bad_token": ("respond_workflow_task_failed", {"task_token": GARBAGE}),
        "complete_activity.bad_token": ("respond_activity_task_completed", {"task_token": GARBAGE}),
        "complete_activity.no_token": ("respond_activity_task_completed", {}),
        "heartbeat.bad_token": ("record_activity_task_heartbeat", {"task_token": GARBAGE}),
        "complete_query.bad_token": ("respond_query_task_completed", {"task_token": GARBAGE}),
        "describe_deployment": ("describe_deployment", {}),
        "build_id_compatibility": ("get_worker_build_id_compatibility", {"task_queue": task_queue}),
        "versioning_rules": ("get_worker_versioning_rules", {"task_queue": task_queue}),
    }
