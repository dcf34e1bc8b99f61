"""Rows as Postgres' COPY takes them, written but for what is known only when they are stored."""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, models
from django.utils import timezone

from apis.models import Document
from apis.sources import DefinitionText

NUL = "\0"
NULL = r"\N"
ESCAPES = (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r"))


class Table:
    """Rows of a model with the fields `late`, given when they are stored, and `names`; the model says what the others are.

    The table numbers what has no number.
    """

    def __init__(self, model: type[models.Model], late: Sequence[str], names: Sequence[str]) -> None:
        given = {*late, *names}
        others = [each for each in model._meta.local_concrete_fields if each.name not in given]
        self._others = [each for each in others if not isinstance(each, models.AutoField)]
        fields = [model._meta.get_field(name) for name in (*late, *names)] + self._others
        columns = ", ".join(f'"{field.column}"' for field in fields)  # type: ignore[union-attr]
        self._statement = f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN'

    def copy(self, rows: Iterable[tuple[Sequence[Any], bytes]]) -> None:
        """Store rows, each by its `late` values and what `line` made of the others."""
        end = "".join(f"\t{_column(_default(each))}" for each in self._others).encode() + b"\n"
        parts: list[bytes] = []
        for late, row in rows:
            if late:
                parts.append(line(late))
            if late and row:
                parts.append(b"\t")
            parts += (row, end)
        if parts:
            _copy(self._statement, b"".join(parts))


class Documents:
    """Texts of definitions as rows of Document, in binary: it costs half, as nothing in them is escaped."""

    STATEMENT = (
        f'COPY "{Document._meta.db_table}" '
        "(version_id, sha256, text, created_at, findings, scopes, format, schemas) FROM STDIN (FORMAT BINARY)"
    )
    COLUMNS = 8
    BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    END = struct.pack(">h", -1)
    VERSION = struct.Struct(">hiq")
    HASH = struct.Struct(">i64si")
    # created_at, then findings, scopes and format, of which nothing is known yet, and schemas, an array of varchar
    REST = struct.Struct(">iq i3s i3s i iiii")
    VARCHAR = 1043
    EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

    @classmethod
    def row(cls, definition: DefinitionText) -> bytes:
        """Raises ValueError where it holds what no text can."""
        if NUL in definition.text:
            raise ValueError(f"no text has a NUL: {definition.origin}")
        data = definition.text.encode()
        return cls.HASH.pack(64, definition.sha256.encode(), len(data)) + data

    @classmethod
    def copy(cls, rows: Iterable[tuple[int, bytes]]) -> None:
        """Store texts, each by its version's number and what `row` made of it."""
        now = (timezone.now() - cls.EPOCH) // timedelta(microseconds=1)
        rest = cls.REST.pack(8, now, 3, b"\x01[]", 3, b"\x01{}", 0, 12, 0, 0, cls.VARCHAR)
        parts = [cls.BEGIN]
        for number, row in rows:
            parts += (cls.VERSION.pack(cls.COLUMNS, 8, number), row, rest)
        if len(parts) > 1:
            _copy(cls.STATEMENT, b"".join((*parts, cls.END)))


def line(values: Sequence[Any]) -> bytes:
    """A row of these values, or a part of one. Raises ValueError where one holds what no text can."""
    # Until nothing is to be escaped, what no text can hold stands for what is no text.
    row = "\t".join(
        [value if type(value) is str else NUL if value is None else str(value) for value in values]
    )
    if (
        row.count("\t") >= len(values)
        or row.count(NUL) > values.count(None)
        or "\\" in row
        or "\n" in row
        or "\r" in row
    ):
        return "\t".join(map(_column, values)).encode()
    return row.replace(NUL, NULL).encode()


def json(value: Any) -> str:
    """The value as a column of JSON has it."""
    return msgspec.json.encode(value).decode()


def array(texts: Sequence[str]) -> str:
    """A list of texts as Postgres reads it."""
    quoted = (text.replace("\\", r"\\").replace('"', r"\"") for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def _column(value: Any) -> str:
    if value is None:
        return NULL
    text = value if type(value) is str else str(value)
    for character, escaped in ESCAPES:
        if character in text:
            text = text.replace(character, escaped)
    return text


def _default(column: "models.Field[Any, Any]") -> Any:
    """What the model gives to a field that is not named."""
    if getattr(column, "auto_now", False):
        return timezone.now()
    value = column.get_default()
    if isinstance(column, models.JSONField):
        return json(value)
    return array(value) if isinstance(value, list) else value


def _copy(statement: str, data: bytes) -> None:
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.write(data)
