"""Dump exact answers and errors of a server's calls, normalised, as one JSON file.

    python probe.py OUTPUT_FILE [--golden FILE] [--address HOST:PORT]

`errors` holds refused calls, `tasks` refused task answers, `responses` whole
answers. Each entry is `{"response": …}` or `{"error": {code, message, details}}`.
With `--golden` the result is also compared with an earlier dump: every difference
is printed and the exit code is 1 if there is one.
"""

import argparse
import json
import pathlib
import uuid

from compare import differences
from connect import add_connection_arguments, connect, run_program
from normalize import Normalizer
from probes import errors, responses, tasks


async def main() -> int:
    """Run every probe, write the file, compare it if asked; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    add_connection_arguments(parser)
    args = parser.parse_args()
    client = await connect(args)
    found = {}
    for name, module in (("errors", errors), ("tasks", tasks), ("responses", responses)):
        suffix = uuid.uuid4().hex
        answers = await module.probe(client, f"probe-{name}-{suffix}")
        found[name] = {
            case: Normalizer(suffix).normalize(answer) for case, answer in answers.items()
        }
    args.output.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(f"{sum(map(len, found.values()))} answers")
    if not args.golden:
        return 0
    different = list(differences(json.loads(args.golden.read_text()), found))
    for path, expected, actual in different:
        print(f"{path}: expected {json.dumps(expected)}, got {json.dumps(actual)}")
    return 1 if different else 0


if __name__ == "__main__":
    run_program(main)
