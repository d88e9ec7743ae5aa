"""Schedule specs made from a seed: every source of times, alone and mixed, good and bad.

`generate(seed, count)` yields the same specs for the same seed. Each comes with the instants
around which its times are worth looking at: the clock changes of its zone, its own bounds.
"""

import pathlib
import random
import zoneinfo
from collections.abc import Iterator

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.schedule.v1 import (
    CalendarSpec,
    IntervalSpec,
    Range,
    ScheduleSpec,
    StructuredCalendarSpec,
)

# Zones whose rules differ: half-hour changes, changes at midnight, a day left out, two hours of summer
# time, winter time as the exception, clocks that change twice more in Ramadan, none at all.
ZONES = [
    "UTC", "Etc/GMT+5", "Asia/Kolkata", "Asia/Kathmandu",
    "America/New_York", "America/Los_Angeles", "Europe/London", "Europe/Berlin", "Australia/Sydney",
    "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham", "Pacific/Apia",
    "America/Sao_Paulo", "America/Havana", "America/Asuncion", "America/Santiago", "Asia/Beirut",
    "Africa/Cairo", "Africa/Casablanca", "Europe/Dublin", "Antarctica/Troll", "Asia/Tehran",
    "Atlantic/Azores", "Europe/Moscow",
]
# Instants at which some of these zones change, and some at which none does.
INSTANTS = [
    "2011-12-29T12:00:00Z",  # Apia leaves out a day
    "2014-05-15T12:00:00Z",  # Cairo
    "2018-11-03T12:00:00Z", "2018-02-17T12:00:00Z",  # Sao Paulo
    "2023-03-25T12:00:00Z",  # Beirut, Europe
    "2024-03-09T12:00:00Z", "2024-11-02T12:00:00Z",  # North America
    "2024-03-30T12:00:00Z", "2024-10-26T12:00:00Z",  # Europe
    "2024-04-06T03:00:00Z", "2024-10-05T03:00:00Z",  # Australia
    "2025-02-22T20:00:00Z", "2025-04-05T20:00:00Z",  # Casablanca
    "2025-01-01T00:00:00Z", "2026-02-27T23:59:30Z", "2027-12-31T23:00:00Z", "2028-02-28T06:30:00Z",
    "2055-06-01T00:00:00Z", "2099-12-31T12:00:00Z",
]
FIELDS = {
    "second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day_of_month": (1, 31),
    "month": (1, 12), "year": (2000, 2100), "day_of_week": (0, 6),
}
MONTHS = ["jan", "Feb", "march", "APR", "may", "june", "JULY", "aug", "sept", "oct", "Nov", "december"]
DAYS = ["sun", "Mon", "tues", "WED", "thursday", "fri", "Sat"]
BAD_WORDS = ["", "-", "x", "1-", "-1", "5-1", "1-2-3", "1/2/3", "1/", "*/0", "*/x", "60", "99", "1,,2",
             "1 2", "**", "*/-1", "feb", "mo", "٣", "+1", "0x1", "1_0", "007", "1.5", "*-5", "L", "?"]
BAD_CRONS = ["", "* * * *", "* * * * * * * *", "@every", "@every ", "@every 5", "@every 0s", "@every 500ms",
             "@every -5s", "@every 5s/6s", "@every 1h/1h", "@every 1h/-1s", "@reboot", "@hourly x", "CRON_TZ=UTC",
             "CRON_TZ=Not/Here 0 0 * * *", "TZ= 0 0 * * *", "CRON_TZ=UTC @every 5s", "@every 1d2h/3h # note",
             "@every 1.5h", "@every 10m/", "@every 1h30m10.5s", "@every 1y", "# only a comment", "@every 99999999h",
             "0 0 * * * # a comment", "@daily#x", "@Daily", "\t0  0\t* * *  ", "CRON_TZ=america/new_york 0 0 * * *"]
BAD_ZONES = ["Not/Here", "utc", "Local", "../etc/passwd", "/UTC", "America/New_York ", "EST", "EST5EDT", "Z", "GMT+1",
             "\\x", "GMT", "Etc/UTC", "US/Pacific", "Factory"]


def timestamp(text: str) -> Timestamp:
    """A protobuf timestamp from RFC 3339 text."""
    result = Timestamp()
    result.FromJsonString(text)
    return result


def span(seconds: float) -> Duration:
    """A protobuf duration from seconds."""
    whole = int(seconds // 1)
    return Duration(seconds=whole, nanos=int(round((seconds - whole) * 1e9)))


def generate(seed: int, count: int) -> Iterator[tuple[ScheduleSpec, list[str]]]:
    """Yield `count` specs, each with the instants after which its times are looked at."""
    make = Maker(random.Random(seed))
    yield from make.fixed()
    for _ in range(count):
        yield make.spec(), make.instants()


class Maker:
    """Draws parts of specs from one random source."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def fixed(self) -> Iterator[tuple[ScheduleSpec, list[str]]]:
        """The bad and the odd that chance would seldom find, one at a time."""
        look = ["2024-03-09T12:00:00Z"]
        yield ScheduleSpec(), look
        for text in BAD_CRONS:
            yield ScheduleSpec(cron_string=[text]), look
        for word in BAD_WORDS:
            for field in FIELDS:
                yield ScheduleSpec(calendar=[CalendarSpec(**{field: word})]), look
        for name in BAD_ZONES:
            yield ScheduleSpec(cron_string=["0 12 * * *"], timezone_name=name), look
        for name, (low, high) in FIELDS.items():
            for bounds in [(low - 1, 0, 0), (high + 1, 0, 0), (high, high + 1, 0), (low + 3, low + 2, 0), (low, high, -1),
                           (low, high, 2147483647), (low, 0, 5)]:
                ranges = [Range(start=bounds[0], end=bounds[1], step=bounds[2])]
                yield ScheduleSpec(structured_calendar=[StructuredCalendarSpec(**{name: ranges})]), look
        for interval, phase in [(0, 0), (0.999, 0), (1, 0), (1, 1), (5, -1), (10, 9.5), (1.5, 0), (90.25, 0.5),
                                (315576000000, 0), (1e10, 7), (3600, 3599.999)]:
            yield ScheduleSpec(interval=[IntervalSpec(interval=span(interval), phase=span(phase))]), look
        for note in (200, 201):
            yield ScheduleSpec(structured_calendar=[self.structured(comment="c" * note)]), look
            yield ScheduleSpec(calendar=[CalendarSpec(comment="c" * note)]), look
            yield ScheduleSpec(cron_string=["0 0 * * * #" + "c" * note]), look
        for first, second in [("CRON_TZ=UTC 0 0 * * *", "0 1 * * *"), ("CRON_TZ=UTC 0 0 * * *", "CRON_TZ=GMT 0 1 * * *"),
                              ("CRON_TZ=UTC 0 0 * * *", "@every 1h"), ("0 0 * * *", "@every 1h"),
                              ("CRON_TZ=Asia/Kolkata 0 0 * * *", "TZ=Asia/Kolkata 0 1 * * *")]:
            yield ScheduleSpec(cron_string=[first, second]), look
        yield ScheduleSpec(cron_string=["CRON_TZ=UTC 0 0 * * *"], timezone_name="Asia/Kolkata"), look
        yield ScheduleSpec(cron_string=["CRON_TZ=UTC 0 0 * * *"], timezone_name="UTC"), look
        for text in ["30 2 10 3 *", "30 1 3 11 *", "0 0 30 2 *", "0 0 29 2 *", "0 0 29 2 0", "0 0 31 * 5 2030-2040"]:
            yield ScheduleSpec(cron_string=[text], timezone_name="America/New_York"), look
        yield ScheduleSpec(timezone_data=b"not a time zone", cron_string=["0 0 * * *"]), look

    def spec(self) -> ScheduleSpec:
        """One random spec; most are good, a few are not."""
        rng = self.rng
        spec = ScheduleSpec()
        if rng.random() < 0.75:
            spec.timezone_name = rng.choice(ZONES)
        sources = rng.choices([1, 2, 3, 5], [6, 3, 1, 0.3])[0]
        for _ in range(sources):
            kind = rng.choices(["structured", "legacy", "cron", "interval"], [4, 2, 3, 2])[0]
            if kind == "structured":
                spec.structured_calendar.append(self.structured())
            elif kind == "legacy":
                spec.calendar.append(self.legacy())
            elif kind == "cron":
                spec.cron_string.append(self.cron())
            else:
                spec.interval.append(self.interval())
        if rng.random() < 0.3:
            for _ in range(rng.choice([1, 1, 2])):
                if rng.random() < 0.5:
                    spec.exclude_structured_calendar.append(self.structured(sparse=False))
                else:
                    spec.exclude_calendar.append(self.legacy())
        if rng.random() < 0.3:
            spec.jitter.CopyFrom(span(rng.choice([0.001, 0.5, 1, 59, 600, 3600, 86400, 10**7, -5])))
        if rng.random() < 0.2:
            spec.start_time.CopyFrom(timestamp(rng.choice(INSTANTS)))
            spec.start_time.nanos = rng.choice([0, 0, 500_000_000])
        if rng.random() < 0.2:
            spec.end_time.CopyFrom(timestamp(rng.choice(INSTANTS)))
        if rng.random() < 0.04 and spec.timezone_name:
            spec.timezone_data = zone_file(spec.timezone_name)
        return spec

    def instants(self) -> list[str]:
        """Two instants after which a spec's times are looked at."""
        return self.rng.sample(INSTANTS, 2)

    def structured(self, comment: str = "", sparse: bool = True) -> StructuredCalendarSpec:
        """A structured calendar; `sparse` ones match few seconds of a day."""
        rng = self.rng
        cal = StructuredCalendarSpec(comment=comment or rng.choice(["", "", "", "a note"]))
        for name, (low, high) in FIELDS.items():
            # Seconds and minutes that match seldom, so that a window reaches past one hour.
            width = [7, 2, 1] if sparse and name in ("second", "minute") else [3, 3, 4]
            shape = rng.choices(["one", "some", "all"], width)[0]
            if name == "year":
                if shape == "all" or rng.random() < 0.8:
                    continue
            if shape == "all":
                ranges = [Range(start=low, end=high)]
            else:
                ranges = [self.range(low, high) for _ in range(1 if shape == "one" else rng.randint(2, 3))]
            getattr(cal, name).extend(ranges)
        if rng.random() < 0.03:
            cal.ClearField(rng.choice(list(FIELDS)))
        return cal

    def range(self, low: int, high: int) -> Range:
        """A range within the bounds, written in any of the ways that the API allows."""
        rng = self.rng
        start = rng.randint(low, high)
        if rng.random() < 0.4:
            return Range(start=start)
        return Range(start=start, end=rng.randint(start, high), step=rng.choice([0, 1, 2, 3, 7]))

    def word(self, name: str, low: int, high: int) -> str:
        """A field of a legacy calendar or a cron string."""
        rng = self.rng
        if name == "day_of_week":
            high = 7

        def value(least: int) -> tuple[int, str]:
            number = rng.randint(least, high)
            if name == "month" and rng.random() < 0.3:
                return number, MONTHS[number - 1]
            if name == "day_of_week" and number < 7 and rng.random() < 0.3:
                return number, DAYS[number]
            return number, str(number)

        parts = []
        for _ in range(rng.choices([1, 2, 3], [6, 2, 1])[0]):
            number, text = value(low)
            kind = rng.randrange(6)
            if kind == 0:
                text = "*"
            elif kind in (1, 2):
                text = f"{text}-{value(number)[1]}"
            if rng.random() < 0.3:
                text += f"/{rng.choice([1, 2, 3, 5, 15])}"
            parts.append(text)
        return ",".join(parts)

    def legacy(self) -> CalendarSpec:
        """A calendar of strings."""
        fields = {}
        for name, (low, high) in FIELDS.items():
            if self.rng.random() < (0.15 if name == "year" else 0.5):
                fields[name] = self.word(name, low, high)
        return CalendarSpec(**fields, comment=self.rng.choice(["", "", "a note"]))

    def cron(self) -> str:
        """A cron string of 5 to 7 fields, or one of the words with an `@`."""
        rng = self.rng
        if rng.random() < 0.2:
            every = f"@every {rng.choice(['90s', '7m', '1h', '36h', '2d', '1h1m1s'])}{rng.choice(['', '/1m', '/30s'])}"
            return rng.choice(["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", every])
        order = ["minute", "hour", "day_of_month", "month", "day_of_week", "year"]
        words = ["*" if rng.random() < 0.4 else self.word(name, *FIELDS[name]) for name in order]
        if rng.random() < 0.7:
            words[0] = str(rng.randint(0, 59))
        if rng.random() < 0.7:
            words[5] = "*"
        if rng.random() < 0.3:
            words.insert(0, self.word("second", 0, 59))
        elif rng.random() < 0.6:
            words = words[:5]
        text = " ".join(words)
        if rng.random() < 0.2:
            text = f"{rng.choice(['CRON_TZ', 'TZ'])}={rng.choice(ZONES)} {text}"
        if rng.random() < 0.2:
            text += " # a note"
        return text

    def interval(self) -> IntervalSpec:
        """An interval with or without a phase."""
        rng = self.rng
        length = rng.choice([1, 7, 60, 90, 3600, 5400, 86400, 100_000, 604_800, 2.5, 86400 * 400])
        interval = IntervalSpec(interval=span(length))
        if rng.random() < 0.5:
            interval.phase.CopyFrom(span(rng.choice([0, length / 2, length - 1, 0.25, length])))
        return interval


def zone_file(name: str) -> bytes:
    """The compiled rules of a zone, as a client would send them."""
    for root in zoneinfo.TZPATH:
        path = pathlib.Path(root) / name
        if path.is_file():
            return path.read_bytes()
    raise FileNotFoundError(name)
