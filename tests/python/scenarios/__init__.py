"""Scenarios: short scripts that each produce workflow histories with a fixed event order.

A scenario is `async def run(client, task_queue) -> list[(workflow_id, run_id)]`. The
task queue is unique to the run; workflow ids start with it, and what follows it
names the extra history files (`<task queue>-child` becomes `<scenario>.child.json`). Further runs
of one workflow become `<scenario>.run-2.json` and so on.
`SCENARIOS` maps scenario names to functions.
"""

from . import (
    activities,
    cancellation,
    children,
    closing,
    queries,
    runs,
    signals,
    timers,
    updates,
    workflow_tasks,
)

MODULES = (
    activities,
    cancellation,
    children,
    closing,
    queries,
    runs,
    signals,
    timers,
    updates,
    workflow_tasks,
)

SCENARIOS = {
    function.__name__: function
    for module in MODULES
    for function in module.SCENARIOS
}
