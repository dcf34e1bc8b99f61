"""What a folder of manifests cannot hold: uid, generation and status of its objects, kept beside it in a state folder."""

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal.errors import ClusterUnavailable


def digest_of(value: Any) -> str:
    """A short name for the content of any JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Record:
    """One object's life so far. `wish` is the digest of all but its metadata: the generation counts its changes."""

    uid: str
    generation: int
    wish: str
    created: str
    status: dict[str, Any] = field(default_factory=dict)


class Records:
    """The records of one folder by object key, shared by processes through a lock and a file that is replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "objects.json"

    def stamp(self) -> int:
        """A number that changes when any record does, 0 while there are none."""
        try:
            return self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    @contextmanager
    def changing(self) -> Iterator[dict[str, Record]]:
        """Give the records under the lock and keep what was changed in them. Raises ClusterUnavailable."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                records = self._load()
                before = dict(records)
                yield records
                if records != before:
                    self._save(records)
        except OSError as error:
            message = f"The state of the manifests in {self._folder} cannot be kept: {error.strerror}."
            raise ClusterUnavailable(
                message, remedy="Let Portico write there, and see that the disk is not full."
            ) from None

    def _load(self) -> dict[str, Record]:
        try:
            held = json.loads(self._file.read_bytes())
            return {key: Record(**value) for key, value in held.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            return {}  # uids, generations and statuses are made anew; nothing of a publisher's is kept here

    def _save(self, records: Mapping[str, Record]) -> None:
        write_whole(self._file, json.dumps({key: asdict(record) for key, record in sorted(records.items())}))


def observe(records: dict[str, Record], key: str, body: Mapping[str, Any]) -> Record:
    """Bring the record of an object up to its body: a new uid for a new object, a new generation for a new wish."""
    wish = digest_of({part: value for part, value in body.items() if part not in ("metadata", "status")})
    known = records.get(key)
    if known is None:
        known = Record(str(uuid.uuid4()), 1, wish, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    elif known.wish != wish:
        known = replace(known, wish=wish, generation=known.generation + 1)
    records[key] = known
    return known


def write_whole(file: Path, text: str) -> None:
    """Replace a file so that no reader ever sees a part of it, and a power cut leaves the old or the new one."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)
