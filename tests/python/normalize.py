"""Replace what differs between two runs of a scenario, keep everything else.

A `Normalizer` walks canonical protobuf JSON and replaces:

* run ids, request ids, namespace ids, other UUIDs and the identities that the SDK
  makes up (those of the scripts stay) by numbered placeholders such as `<run-1>`. One value keeps its number in all histories of
  a scenario, so equal values stay equal and different ones stay different;
* task queue names by `<task-queue-1>`, sticky ones by `<sticky-queue-1>`;
* timestamps, measured durations and rates, task ids, SDK versions, build ids, stack
  traces and opaque tokens by a fixed word; history sizes too, unless `sizes.py` has
  told them by the events that they count;
* the name of another namespace than `default` inside any text by `default`;
* poller scaling hints, which depend on load, by nothing;
* the order of SDK flag lists, which the SDK sends in any order;
* the unique suffix of a run inside any other text (workflow ids, messages).

Absent fields stay absent: a field that appears or disappears is a difference.
"""

import re

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
DEFAULT_NAMESPACE = "default"
STICKY = "TASK_QUEUE_KIND_STICKY"
# Identities that stay as they are: the server's own, and those of the scripts (`raw.py`, `scenarios/sdk.py`).
KNOWN_IDENTITIES = {"history-service", "history-resetter", "client", "poller", "worker", "sdk-worker"}
TOLD_SIZE = "<size of "
OMITTED = {"pollerScalingDecision"}
UNORDERED = {"coreUsedFlags", "langUsedFlags"}
FIXED = {
    "taskId": "<task-id>",
    "historySizeBytes": "<size>",
    "buildId": "<build-id>",
    "sdkVersion": "<sdk-version>",
    "stackTrace": "<stack-trace>",
    "executionDuration": "<duration>",
    "tasksAddRate": "<rate>",
    "tasksDispatchRate": "<rate>",
    "taskToken": "<token>",
    "nextPageToken": "<token>",
    "namespace": "<namespace>",
    "parentWorkflowNamespace": "<namespace>",
}


def numbered_kind(key: str) -> str | None:
    """The placeholder family for a field name, if its values are numbered."""
    lowered = key.lower()
    if lowered.endswith("runid"):
        return "run"
    if lowered.endswith("requestid"):
        return "request"
    if lowered.endswith("namespaceid"):
        return "namespace-id"
    return "identity" if key == "identity" else None


class Normalizer:
    """Normalises the histories of one scenario run; `suffix` is the run's unique text."""

    def __init__(self, suffix: str, namespace: str = DEFAULT_NAMESPACE) -> None:
        self.suffix = suffix
        self.namespace = namespace
        self.numbers: dict[str, dict[str, int]] = {}

    def normalize(self, value, key: str = ""):
        """Return `value` (JSON found under field `key`) with volatile parts replaced."""
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            items = [self.normalize(item, key) for item in value]
            return sorted(items) if key in UNORDERED else items
        if isinstance(value, str) and value.startswith(TOLD_SIZE):
            return value
        if key in FIXED:
            return FIXED[key]
        if not isinstance(value, str):
            return value
        kind = numbered_kind(key)
        if kind and value not in KNOWN_IDENTITIES:
            return self._number(kind, value)
        return self._text(value)

    def _object(self, value: dict) -> dict:
        """Normalise an object; a task queue's name depends on its kind."""
        result = {
            self._text(key): self.normalize(item, key)
            for key, item in value.items()
            if key not in OMITTED
        }
        if str(value.get("kind", "")).startswith("TASK_QUEUE_KIND") and "name" in value:
            kind = "sticky-queue" if value["kind"] == STICKY else "task-queue"
            result["name"] = self._number(kind, value["name"])
        if "normalName" in value:
            result["normalName"] = self._number("task-queue", value["normalName"])
        return result

    def _text(self, value: str) -> str:
        """Replace volatile parts inside other text."""
        value = value.replace(f"-{self.suffix}", "")
        if self.namespace != DEFAULT_NAMESPACE:
            value = value.replace(self.namespace, DEFAULT_NAMESPACE)
        value = UUID.sub(lambda match: self._number("uuid", match[0]), value)
        return TIMESTAMP.sub("<time>", value)

    def _number(self, kind: str, value: str) -> str:
        """The placeholder of `value`, numbered by first appearance within its kind."""
        numbers = self.numbers.setdefault(kind, {})
        return f"<{kind}-{numbers.setdefault(value, len(numbers) + 1)}>"
