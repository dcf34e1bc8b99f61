"""The access log on disk: read, torn, rotated, exchanged. No database."""

import datetime as dt

import pytest

from gateway.usage import access_log
from gateway.usage.access_log import Position
from gateway.usage.lines import parse
from gateway.usage.tally import REMEMBERED, Tally
from tests.gateway.logs import append, line, log_in

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def log(tmp_path):
    return log_in(tmp_path)


def counted(log, at=None):
    """Read to the end; (lines, position after)."""
    at, lines = at or Position(), []
    while True:
        chunk = log.read(at)
        at = chunk.after
        lines += chunk.lines
        if not chunk.more:
            return lines, at


def tallied(*lines):
    tally = Tally(floor=NOON - dt.timedelta(days=1), ceiling=NOON + dt.timedelta(hours=1))
    tally.add(text.rstrip(b"\n") for text in lines)
    return tally


def calls(tally):
    return sum(numbers.calls for numbers in tally.counts.values())


def test_reading_goes_on_where_it_ended(log):
    append(log.live, line(), line())
    first, at = counted(log)
    append(log.live, line())
    second, at = counted(log, at)
    assert (len(first), len(second), at.number) == (2, 1, 1)
    assert counted(log, at) == ([], at)


def test_reading_without_a_log_waits(log):
    assert counted(log) == ([], Position())


def test_torn_last_line_waits_for_its_rest(log):
    whole = line()
    append(log.live, whole, whole[:40])
    lines, at = counted(log)
    assert (len(lines), at.offset) == (1, len(whole))
    append(log.live, whole[40:])
    lines, _ = counted(log, at)
    assert lines == [whole.rstrip()]


def test_rotated_file_is_read_to_its_end_before_the_next(log):
    append(log.live, line(), line())
    _, at = counted(log)
    append(log.live, line())
    log.limit = 1
    log.rotate(at)
    assert not log.live.exists()
    # Nobody opened a new one: more may still come to the old.
    lines, at = counted(log, at)
    assert (len(lines), at.number) == (1, 1)
    append(log.live.with_name("access.json.1"), line())
    append(log.live, line(), line())
    lines, at = counted(log, at)
    assert (len(lines), at.number) == (3, 2)


def test_torn_end_of_a_closed_file_is_not_waited_for(log):
    append(log.live.with_name("access.json.1"), line(), line()[:30])
    append(log.live, line())
    lines, at = counted(log)
    assert (len(lines), at.number) == (3, 2)
    assert tallied(*lines).malformed == 1


def test_only_counted_files_are_deleted(log):
    for number in (1, 2, 3):
        append(log.live.with_name(f"access.json.{number}"), line())
    append(log.live, line())
    log.drop_counted(Position(3))
    assert sorted(path.name for path in log.live.parent.iterdir()) == ["access.json", "access.json.3"]


def test_log_is_not_rotated_onto_a_waiting_file(log):
    append(log.live.with_name("access.json.1"), line())
    append(log.live, line())
    log.limit = 1
    log.rotate(Position(1))
    assert log.live.exists()


def test_exchanged_file_is_read_from_its_beginning(log):
    append(log.live, line(request_id="a"), line())
    _, at = counted(log)
    log.live.write_bytes(b"")
    append(log.live, line(request_id="b"), line(), line())
    lines, _ = counted(log, at)
    assert len(lines) == 3


def test_truncated_file_is_read_from_its_beginning(log):
    append(log.live, line(), line())
    _, at = counted(log)
    log.live.write_bytes(line())
    lines, _ = counted(log, at)
    assert len(lines) == 1


def test_copied_file_is_the_same_file(log, tmp_path):
    """A volume that was moved: other numbers of device and inode, the same log."""
    append(log.live, line(), line())
    _, at = counted(log)
    content = log.live.read_bytes()
    log.live.rename(tmp_path / "kept")
    append(log.live, content)
    assert counted(log, at) == ([], at)


def test_long_files_are_read_in_chunks(log, monkeypatch):
    monkeypatch.setattr(access_log, "CHUNK", 1000)
    append(log.live, *[line(path=f"/{n}") for n in range(50)])
    lines, at = counted(log)
    assert (len(lines), at.offset) == (50, log.live.stat().st_size)


def test_endless_line_is_passed_over(log, monkeypatch):
    monkeypatch.setattr(access_log, "CHUNK", 1000)
    append(log.live, b"x" * 5000 + b"\n", line())
    lines, _ = counted(log)
    assert calls(tallied(*lines)) == 1


# ---- lines --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'"x"',
        b"{" * 10_000,
        line()[:60],
        line(time="yesterday"),
        line(time="2026-11-23T12:00:30"),
        line(time=None),
        line(environment="elsewhere"),
        line(status="200"),
        line(status=-1),
        line(status=10**30),
        line(duration_ms=1.5),
        line(path=5),
        line(path="x" * 70_000),
        line().replace(b"/items", b"/\\ud800"),
        line().replace(b"/items", b"/\xff"),
    ],
)
def test_malformed_line_is_counted_as_such(text):
    tally = tallied(text)
    assert (tally.malformed, tally.counts) == (1, {})


def test_line_behind_a_torn_one_is_saved():
    found = parse(line(path="/torn")[:70] + line(path="/whole").rstrip())
    assert found is not None
    assert found.path == "/whole"


def test_line_cannot_be_made_by_a_path():
    """The quotes of what a caller sends are escaped, so it never looks like the beginning of a line."""
    forged = line(
        path='/x{"application":"app_other","status":200,"time":"2026-11-23T12:00:30Z"}', method=None
    )
    found = parse(forged.rstrip())
    assert found is not None
    assert found.application == "app_1"
    assert parse(forged[:-10]) is None


def test_probe_is_not_counted():
    tally = tallied(line(probe="1", details="fault_filter_abort", status=204))
    assert (tally.probes, tally.lines, tally.counts, tally.used) == (1, 1, {}, {})


def test_calls_are_counted_by_who_what_and_outcome():
    tally = tallied(
        line(duration_ms=7),
        line(duration_ms=8, sent=1),
        line(operation="POST /items"),
        line(status=403, reason="not_subscribed", plan="not_subscribed"),
    )
    assert sorted(numbers.calls for numbers in tally.counts.values()) == [1, 1, 2]
    twice = next(numbers for numbers in tally.counts.values() if numbers.calls == 2)
    assert (twice.received, twice.sent, twice.latency[4:6]) == (20, 101, [1, 1])
    refused = next(outcome for outcome in tally.counts if outcome.reason)
    assert (refused.reason, refused.status_class, refused.series.plan) == ("not_subscribed", 4, "")


def test_only_calls_let_through_take_from_the_quota():
    tally = tallied(
        line(),
        line(status=500),
        line(status=503, reason="upstream_unavailable"),
        line(status=429, reason="plan_rate"),
        line(status=429, reason="quota_exceeded"),
        line(application=None, credential=None),
    )
    assert list(tally.passed.values()) == [3]


@pytest.mark.parametrize(
    ("time", "minute"),
    [
        ("2026-11-23T12:07:59.999Z", NOON.replace(minute=7)),
        ("1970-01-01T00:00:00.000Z", NOON - dt.timedelta(days=1)),
        ("2099-01-01T00:00:00.000Z", NOON + dt.timedelta(hours=1)),
    ],
)
def test_calls_of_a_wrong_clock_count_in_the_nearest_minute(time, minute):
    assert [outcome.at for outcome in tallied(line(time=time)).counts] == [minute]


def test_flood_of_refused_calls_is_counted_and_not_kept():
    tally = tallied(*[line(status=401, reason="token_expired")] * 1000)
    assert (calls(tally), len(tally.failed)) == (1000, REMEMBERED)


def test_last_use_is_the_newest_line_of_a_credential():
    tally = tallied(
        line(time="2026-11-23T12:00:30Z"),
        line(time="2026-11-23T12:00:10Z"),
        line(credential="cred_2", reason="token_revoked", status=401),
    )
    assert tally.used == {"cred_1": NOON.replace(second=30)}
