"""What differs between an answer and its golden file, and which differences are intended.

`allowed_differences.json` lists the intended ones: objects with `file`, `path`, `reason` and

* `ours`: the value that stands there instead, so that it is compared too. Where it is missing, `path` may be a
  shell-style pattern and any value will do; `"(absent)"` says that nothing stands there;
* `in`: the settings in which it holds (`memory`, `file`, `cloud`), all where it is missing.

A difference that is listed and not found is a difference itself: the list says what is, not what once was.
"""

import json
import pathlib
from fnmatch import fnmatchcase

ABSENT = "(absent)"
SETTINGS = ("memory", "file", "cloud")
LIST = pathlib.Path(__file__).parent / "allowed_differences.json"


def differences(expected, actual, path: str = ""):
    """Yield (path, expected, actual) for every leaf or subtree that differs."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            inner = f"{path}.{key}" if path else key
            yield from differences(expected.get(key, ABSENT), actual.get(key, ABSENT), inner)
    elif isinstance(expected, list) and isinstance(actual, list):
        for index in range(max(len(expected), len(actual))):
            left = expected[index] if index < len(expected) else ABSENT
            right = actual[index] if index < len(actual) else ABSENT
            yield from differences(left, right, f"{path}[{index}]")
    elif expected != actual:
        yield path, expected, actual


class Allowed:
    """The intended differences of one setting, and which of them were found."""

    def __init__(self, setting: str, rules: list[dict] | None = None) -> None:
        rules = json.loads(LIST.read_text()) if rules is None else rules
        self.rules = [rule for rule in rules if setting in rule.get("in", SETTINGS)]
        self.files: set[str] = set()
        self.found: set[int] = set()

    def _allows(self, index: int, file: str, path: str, actual) -> bool:
        """Whether this rule covers the difference."""
        rule = self.rules[index]
        if rule["file"] != file:
            return False
        exact = "ours" in rule
        same = path == rule["path"] and actual == rule["ours"] if exact else fnmatchcase(path, rule["path"])
        if same:
            self.found.add(index)
        return same

    def unexplained(self, file: str, expected, actual) -> list[str]:
        """Describe the differences of one file that no rule covers."""
        self.files.add(file)
        return [
            f"{file}: {path}: expected {json.dumps(left)}, got {json.dumps(right)}"
            for path, left, right in differences(expected, actual)
            if not any([self._allows(index, file, path, right) for index in range(len(self.rules))])
        ]

    def unfound(self) -> list[str]:
        """Describe the rules of compared files that no difference was found for."""
        return [
            f"{rule['file']}: {rule['path']}: is allowed to differ ({rule['reason']}) and does not as the list says"
            for index, rule in enumerate(self.rules)
            if rule["file"] in self.files and index not in self.found
        ]
