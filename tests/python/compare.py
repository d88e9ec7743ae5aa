"""Run scenarios and single calls against a server and compare every history and answer with its golden file.

    python compare.py [--golden DIR] [--only NAME ...] [--answers FILE ...] [--at-once N] [--address HOST:PORT]

Prints each difference as `file: path: expected X, got Y` and exits with 1 if there is any that is not intended, or an
intended one that is not there: see `difference.py`. `--setting` says which of the intended ones hold.

With `--restarts` somebody restarts the server on the way: at every step that allows it, the program writes `restart` as a
line and goes on once it has read one. Scenarios run one after the other then.
"""

import argparse
import asyncio
import json
import pathlib
import sys

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client

import durations
import limits
import probe
import schedule_answers
from capture import add_selection, capture
from connect import add_connection_arguments, connect, run_program
from difference import SETTINGS, Allowed
from raw import Driver

HERE = pathlib.Path(__file__).parent
ANSWERS = {
    "probe.json": probe.collect,
    "limits.json": limits.collect,
    "durations.json": durations.collect,
    "schedules.json": schedule_answers.collect,
}
# Tells what hangs from what works.
SCENARIO_SECONDS = 60
ANSWERS_SECONDS = 120


def event_types(history: dict) -> list[str]:
    """The event types of a history in order, without their common prefix."""
    return [event["eventType"].removeprefix("EVENT_TYPE_") for event in history.get("events", [])]


def compare_history(name: str, expected: dict, actual: dict, allowed: Allowed) -> list[str]:
    """Describe the differences of one history that are not intended."""
    if event_types(expected) != event_types(actual):
        return [
            f"{name}: event types: expected {' '.join(event_types(expected))},"
            f" got {' '.join(event_types(actual))}"
        ]
    return allowed.unexplained(name, expected, actual)


async def compare_scenario(client: Client, name: str, golden: pathlib.Path, allowed: Allowed) -> list[str]:
    """Run one scenario and describe how it differs; a failing run is a difference too."""
    try:
        captured = await asyncio.wait_for(capture(client, name), SCENARIO_SECONDS)
    except Exception as error:  # any failure of a scenario is reported, the others still run
        return [f"{name}: scenario failed: {type(error).__name__}: {error}"]
    found = []
    for file_name, actual in captured.items():
        expected = json.loads((golden / file_name).read_text())
        found += compare_history(file_name, expected, actual, allowed)
    return found


async def compare_answers(client: Client, file: str, golden: pathlib.Path, allowed: Allowed) -> list[str]:
    """Make the calls of one file of answers and describe how they differ."""
    try:
        actual = await asyncio.wait_for(ANSWERS[file](client), ANSWERS_SECONDS)
    except Exception as error:  # as above
        return [f"{file}: calls failed: {type(error).__name__}: {error}"]
    return allowed.unexplained(file, json.loads((golden / file).read_text()), actual)


async def ask_for_restart(client: Client) -> None:
    """Have the server restarted, and wait until it answers again."""
    print("restart", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await client.workflow_service.get_system_info(GetSystemInfoRequest(), retry=True)


async def main() -> int:
    """Compare what is selected; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", type=pathlib.Path, default=HERE.parent / "golden")
    parser.add_argument("--answers", nargs="*", choices=sorted(ANSWERS), default=[])
    parser.add_argument("--at-once", type=int, default=1, help="scenarios that run side by side")
    parser.add_argument("--restarts", action="store_true")
    parser.add_argument("--setting", choices=SETTINGS, default="memory")
    add_selection(parser)
    add_connection_arguments(parser)
    args = parser.parse_args()
    if args.restarts:
        Driver.between_steps = ask_for_restart
    allowed = Allowed(args.setting)
    client = await connect(args)
    scenarios = asyncio.Semaphore(1 if args.restarts else args.at_once)

    async def scenario(name: str) -> list[str]:
        async with scenarios:
            return await compare_scenario(client, name, args.golden, allowed)

    async def told(name: str, comparison) -> bool:
        found = await comparison
        print(f"{'DIFFERS' if found else 'ok':8}{name}", *found, sep="\n    ", flush=True)
        return bool(found)

    outcomes = await asyncio.gather(
        *(told(name, scenario(name)) for name in args.only),
        *(told(file, compare_answers(client, file, args.golden, allowed)) for file in args.answers),
    )
    unfound = allowed.unfound()
    print(*unfound, sep="\n")
    print(f"{outcomes.count(False)} of {len(outcomes)} match")
    return 1 if any(outcomes) or unfound else 0


if __name__ == "__main__":
    run_program(main)
