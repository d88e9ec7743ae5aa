"""Dump what a server answers to calls on schedules, normalised, as one JSON file.

    python schedule_answers.py OUTPUT_FILE [--golden FILE] [--address HOST:PORT]

With `--golden` the result is also compared with an earlier one: every difference is
printed and the exit code is 1 if there is one.
"""

import argparse
import json
import pathlib
import uuid

from compare import differences
from connect import add_connection_arguments, connect, run_program
from normalize import Normalizer
from probes import schedules


async def main() -> int:
    """Make every call, write the file, compare it if asked; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    add_connection_arguments(parser)
    args = parser.parse_args()
    client = await connect(args)
    suffix = uuid.uuid4().hex
    answers = await schedules.probe(client, f"schedules-{suffix}")
    found = {case: Normalizer(suffix).normalize(answer) for case, answer in answers.items()}
    args.output.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(f"{len(found)} answers")
    if not args.golden:
        return 0
    different = list(differences(json.loads(args.golden.read_text()), found))
    for path, expected, actual in different:
        print(f"{path}: expected {json.dumps(expected)}, got {json.dumps(actual)}")
    return 1 if different else 0


if __name__ == "__main__":
    run_program(main)
