"""What is said of a history's size, told by the events that it counts.

A size in bytes differs from run to run, because the encoding of a time does. Which events it counts does not: a size is
that of an encoded `History` of the first so many events, each with its key and length.
"""

from google.protobuf.json_format import MessageToDict
from temporalio.api.history.v1 import History


def _varint_length(value: int) -> int:
    """Bytes of an encoded number."""
    return max(1, (value.bit_length() + 6) // 7)


def sizes(history: History) -> dict[int, int]:
    """How many events each size counts."""
    counted, size = {0: 0}, 0
    for number, event in enumerate(history.events, 1):
        length = event.ByteSize()
        size += 1 + _varint_length(length) + length
        counted[size] = number
    return counted


def tell_sizes(value, counted: dict[int, int]):
    """`value` (JSON) with each `historySizeBytes` in it told by the events that it counts."""
    if isinstance(value, list):
        return [tell_sizes(item, counted) for item in value]
    if not isinstance(value, dict):
        return value
    told = {key: tell_sizes(item, counted) for key, item in value.items()}
    if "historySizeBytes" in value:
        events = counted.get(int(value["historySizeBytes"]))
        told["historySizeBytes"] = "<size of no events>" if events is None else f"<size of {events} events>"
    return told


def history_json(history: History) -> dict:
    """A history as JSON, its sizes told by its own events."""
    return tell_sizes(MessageToDict(history), sizes(history))
