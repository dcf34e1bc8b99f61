"""Unquoted dates that do not exist: 2024-02-30 is text to Portico, an error or another day to other readers of YAML.

The form is that of https://yaml.org/type/timestamp.html, which YAML 1.1 reads as a date wherever it stands without quotes.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import yaml

from apis.definitions.lines import BLANKS, line
from portal.safeyaml import events

TIMESTAMP = re.compile(
    r"(?P<date>(\d{4})-(\d\d?)-(\d\d?))"
    r"(?:(?:[Tt]|\s+)(\d\d?):(\d\d):(\d\d)(?:\.\d*)?(?:[ \t]*(?:Z|[-+](?P<hours>\d\d?)(?::(?P<minutes>\d\d))?))?)?",
    re.ASCII,
)
# Without a time, month and day have two digits.
LONE_DATE = len("2024-02-30")


def unreal_dates(text: str) -> Iterator[tuple[str, int]]:
    """Each unquoted date that does not exist, keys included, with its line from 1. None in JSON."""
    # The parser is slow and hardly any text has such a date at all.
    if not any(is_unreal(found) for found in TIMESTAMP.finditer(text)) or is_json(text):
        return
    try:
        for event in events(text):
            if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and is_unreal_date(event.value):
                yield event.value, line(event)
    except (yaml.YAMLError, UnicodeError):
        return


def is_unreal_date(text: str) -> bool:
    """Whether a text has the form of a date and is none."""
    found = TIMESTAMP.fullmatch(text)
    if found is None or (found["date"] == text and len(text) < LONE_DATE):
        return False
    return is_unreal(found)


def is_unreal(found: re.Match[str]) -> bool:
    """Whether no calendar, clock or time zone has these numbers. Seconds end at 59, as YAML's readers want them."""
    try:
        if found.end() == found.end("date") and len(found["date"]) == LONE_DATE:
            date.fromisoformat(found["date"])  # Much quicker.
        else:
            moment(found)
    except ValueError:
        return True
    return False


def moment(found: re.Match[str]) -> datetime:
    """The time that a match means. Raises ValueError where there is none."""
    year, month, day, hour, minute, second = (int(number or 0) for number in found.group(*range(2, 8)))
    offset = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset) if offset else UTC)


def is_json(text: str) -> bool:
    """Whether the text is JSON, where nothing is a date."""
    if text.lstrip("\ufeff" + BLANKS)[:1] not in ("{", "["):
        return False
    try:
        json.loads(text.removeprefix("\ufeff"), parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return False
    return True
