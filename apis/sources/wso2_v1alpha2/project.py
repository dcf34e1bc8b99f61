"""Projects of apictl, zipped into the `binaryData` of a ConfigMap: the definition, and the api.yaml beside it.

apictl 3.x keeps them in Meta-information/, apictl 4.x keeps api.yaml at the top and definitions in Definitions/. Whoever
writes the ConfigMap chooses the bytes, so entries, sizes and ratio have limits, and only the two files are unpacked.
"""

import base64
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import Any

from apis.sources.config_maps import definition_of, only_key, part_of
from apis.sources.published import DefinitionText
from portal import safeyaml
from portal.errors import Invalid
from portal.kube import KubeObject

MAX_PACKED = 5 * 1024 * 1024
MAX_ENTRIES = 2_000
MAX_UNPACKED = 100 * 1024 * 1024
MAX_RATIO = 200
# Text of a few lines may well repeat itself more than that.
RATIO_FROM = 64 * 1024
MAX_API = 1024 * 1024

DEFINITIONS = tuple(
    f"{folder}/{name}"
    for folder in ("Definitions", "Meta-information")
    for name in (
        *(f"{kind}.{ending}" for kind in ("swagger", "asyncapi") for ending in ("yaml", "yml", "json")),
        "schema.graphql",
    )
)
APIS = ("api.yaml", "api.json")
# What reading a hostile zip raises, beyond what it says to be wrong with the whole of it.
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, LookupError,
    OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Project:
    """A definition, and what the project's api.yaml states; nothing where the definition stands alone."""

    text: DefinitionText
    stated: dict[Any, Any] = field(default_factory=dict)


def project_in(config_map: KubeObject) -> Project:
    """What the ConfigMap holds under its one key: the operator looks for binary data first. Raises Invalid."""
    if not part_of(config_map, "binaryData"):
        return Project(definition_of(config_map, only_key(config_map, "data")))
    key = only_key(config_map, "binaryData")
    packed = zipped(part_of(config_map, "binaryData")[key])
    if packed is None:
        return Project(definition_of(config_map, key))
    place = f"ConfigMap {config_map.namespace}/{config_map.name}, key {key}"
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return unpacked(archive, place)
    except BROKEN as error:
        remedy = "Put the zip there that apictl makes of a project."
        raise Invalid(f"{place} is no zip that can be read: {str(error)[:100]}", remedy=remedy) from None


def zipped(value: Any) -> bytes | None:
    """The bytes of a zip, None for anything else."""
    try:
        raw = base64.b64decode(value, validate=False)
    except (TypeError, ValueError):
        return None
    return raw if raw[:2] == b"PK" else None


def unpacked(archive: zipfile.ZipFile, place: str) -> Project:
    """The two files of a project that count. Raises Invalid, or one of BROKEN."""
    entries = checked(archive, place)
    found = named(entries, DEFINITIONS)
    if found is None:
        remedy = "Put it into Definitions/ or Meta-information/, as apictl does."
        raise Invalid(f"{place} has no definition (swagger.yaml)", remedy=remedy)
    text = text_of(archive, found, safeyaml.MAX_BYTES, place)
    beside = found.filename.rpartition("/")[0]
    top = beside.rpartition("/")[0]
    folders = [f"{folder}/" if folder else "" for folder in dict.fromkeys((top, beside))]
    stated = named(entries, tuple(folder + name for folder in folders for name in APIS), whole=True)
    return Project(
        DefinitionText(text, f"{place}, file {found.filename[:200]}"),
        stated_in(text_of(archive, stated, MAX_API, place), f"{place}, file {stated.filename[:200]}")
        if stated
        else {},
    )


def checked(archive: zipfile.ZipFile, place: str) -> list[zipfile.ZipInfo]:
    """The entries, if all of it is of a size that projects have. Raises Invalid."""
    entries = archive.infolist()
    sizes = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    size = archive.fp.seek(0, io.SEEK_END) if archive.fp else 0
    limits = (
        (size > MAX_PACKED, "is larger than 5 MB"),
        (len(entries) > MAX_ENTRIES, f"has more than {MAX_ENTRIES:,} files"),
        (sizes > MAX_UNPACKED, "is larger than 100 MB once it is unpacked"),
        (sizes > max(RATIO_FROM, packed * MAX_RATIO), f"unpacks to more than {MAX_RATIO} times its size"),
    )
    for broken, words in limits:
        if broken:
            raise Invalid(f"{place} {words}", remedy="Leave out what is not needed to describe the API.")
    return entries


def named(
    entries: list[zipfile.ZipInfo], names: tuple[str, ...], *, whole: bool = False
) -> zipfile.ZipInfo | None:
    """The first name that the zip has, in the topmost folder that has it; `whole` names begin at the top."""
    for name in names:
        found = [
            entry
            for entry in entries
            if entry.filename == name or (not whole and entry.filename.endswith(f"/{name}"))
        ]
        if found:
            return min(found, key=lambda entry: (entry.filename.count("/"), entry.filename))
    return None


def text_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, place: str) -> str:
    """The text of one file. Raises Invalid, or one of BROKEN."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid(f"{place} is packed in an unusual way", remedy="Pack it as apictl does, with deflate.")
    if entry.file_size > max(RATIO_FROM, entry.compress_size * MAX_RATIO):
        message = f"{place}: {entry.filename[:200]} unpacks to more than {MAX_RATIO} times its size"
        raise Invalid(message, remedy="Put the definition's own text there.")
    with archive.open(entry) as packed:
        raw = packed.read(most + 1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\x00"
    if len(raw) > most or "\x00" in text:
        message = f"{place}: {entry.filename[:200]} is no text of at most {most // 1024 // 1024} MB"
        raise Invalid(message, remedy="Put the definition's own text there, in UTF-8.")
    return text


def stated_in(text: str, place: str) -> dict[Any, Any]:
    """What api.yaml states: apictl 4.x wraps it into `data`, apictl 3.x does not. Raises Invalid."""
    try:
        document = safeyaml.load(text, max_nodes=100_000, max_depth=50)
    except safeyaml.BadYaml as error:
        raise Invalid(f"{place}: {error.message}", remedy=error.remedy or "Mend the file.") from None
    document = document if isinstance(document, dict) else {}
    data = document.get("data")
    return data if isinstance(data, dict) else document
