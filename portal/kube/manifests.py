"""Read a folder of manifests as it is kept in Git: every document by itself, with file and line."""

import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from portal import safeyaml
from portal.errors import ClusterUnavailable
from portal.kube.errors import AccessDenied

MAX_FILE_BYTES = 25 * 1024 * 1024
MAX_FILES = 20_000
# Editors empty or move a file before they write it. What is younger than this, in seconds, is left to settle first.
SETTLE = 0.2
_SETTLE_ATTEMPTS = 10
_SUFFIXES = (".yaml", ".yml", ".json")
_TOP_LEVEL = {
    "apiVersion": re.compile(r"^apiVersion:\s*[\"']?([A-Za-z0-9./-]+)", re.MULTILINE),
    "kind": re.compile(r"^kind:\s*[\"']?([A-Za-z0-9]+)", re.MULTILINE),
}
_METADATA = re.compile(r"^metadata:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n|[ \t]*\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^([ \t]+)(name|namespace):\s*[\"']?([A-Za-z0-9._-]+)", re.MULTILINE)


class Identity(NamedTuple):
    """What a document says it is; each part may be empty. Without a namespace Kubernetes means "default"."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Document:
    """One document of one file: its body, or why there is none. `chunk` is its place among the file's documents.

    `chunk` is -1 where it cannot be rewritten by itself (an item of a v1 List).
    """

    file: str
    line: int
    chunk: int
    identity: Identity
    body: dict[str, Any] | None
    message: str = ""
    remedy: str = ""


Signature = tuple[int, int, int, int]


class Folder:
    """The manifests below a path. The path itself may be a symlink that is moved (git-sync does so)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[str, tuple[Signature, tuple[Document, ...]]] = {}

    def signatures(self) -> dict[str, Signature]:
        """Return each file's signature once nothing in the folder is being written. Raises ClusterUnavailable."""
        for _ in range(_SETTLE_ATTEMPTS):
            found, youngest = self._look()
            age = time.time() - youngest
            if not 0 <= age < SETTLE:
                break
            time.sleep(SETTLE - age)
        return found

    def documents(self, signatures: dict[str, Signature]) -> list[Document]:
        """Return every document, reading again only those files whose signature changed."""
        fresh = {}
        for file, signature in signatures.items():
            known = self._read.get(file)
            fresh[file] = (
                known if known and known[0] == signature else (signature, tuple(self._documents(file)))
            )
        self._read = fresh
        return [document for _, documents in fresh.values() for document in documents]

    def _look(self) -> tuple[dict[str, Signature], float]:
        root = self.path.resolve()
        youngest = 0.0
        found: dict[str, Signature] = {}
        prefix = len(str(root).rstrip(os.sep)) + 1
        waiting = [root]
        try:
            while waiting:
                folder = waiting.pop()
                youngest = max(youngest, folder.stat().st_ctime)
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(Path(entry.path))
                            continue
                        status = self._status(entry, root)
                        if status is not None:
                            youngest = max(youngest, status.st_ctime)
                            signature = status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
                            found[entry.path[prefix:]] = signature
        except PermissionError as error:
            raise AccessDenied(
                f"Portico may not read {error.filename}.", remedy="Let Portico's user read the whole folder."
            ) from None
        except OSError as error:
            raise ClusterUnavailable(
                f"The folder of manifests {self.path} cannot be read: {error.strerror}.",
                remedy="See that it is mounted.",
            ) from None
        if len(found) > MAX_FILES:
            raise ClusterUnavailable(
                f"{self.path} holds more than {MAX_FILES} manifests.", remedy="Split the folder."
            )
        return dict(sorted(found.items())), youngest

    def _status(self, entry: os.DirEntry[str], root: Path) -> os.stat_result | None:
        """The file's status, None for what is no manifest, for what vanished and for links that lead outside."""
        if not entry.name.endswith(_SUFFIXES):
            return None
        try:
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
                return None
            status = entry.stat()
        except FileNotFoundError:
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _documents(self, file: str) -> Iterator[Document]:
        try:
            text = self.text(file)
        except (OSError, UnicodeDecodeError, safeyaml.BadYaml) as error:
            yield Document(
                file=file,
                line=0,
                chunk=-1,
                identity=Identity("", "", "", ""),
                body=None,
                message=f"the file cannot be read: {error}",
                remedy="Keep only UTF-8 text of at most 25 MB in the folder.",
            )
            return
        for index, chunk in enumerate(safeyaml.split(text)):
            yield from self._parse(file, index, chunk)

    def text(self, file: str) -> str:
        """The file's text. Raises OSError, UnicodeDecodeError, BadYaml if it is too large."""
        with (self.path / file).open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise safeyaml.BadYaml("it is larger than 25 MB")
        return data.decode()

    def _parse(self, file: str, index: int, chunk: safeyaml.Chunk) -> Iterator[Document]:
        try:
            body = safeyaml.load(chunk.text, max_bytes=MAX_FILE_BYTES, kubectl=True)
        except safeyaml.BadYaml as error:
            line = error.line + chunk.offset if error.line else chunk.line
            yield Document(
                file=file,
                line=line,
                chunk=index,
                identity=_salvage(chunk.text),
                body=None,
                message=error.problem,
                remedy=error.remedy or "Mend the text at this line.",
            )
            return
        if not isinstance(body, dict) or not (body.get("apiVersion") or body.get("kind")):
            return  # a values file, an OpenAPI text: not a manifest
        if (
            body.get("apiVersion") == "v1"
            and body.get("kind") == "List"
            and isinstance(body.get("items"), list)
        ):
            items = [(item, -1) for item in body["items"] if isinstance(item, dict)]
        else:
            items = [(body, index)]
        for item, place in items:
            yield Document(file=file, line=chunk.line, chunk=place, identity=identity_of(item), body=item)


def identity_of(body: dict[str, Any]) -> Identity:
    """What a body says it is; what is not text counts as empty."""
    meta = body.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    parts = body.get("apiVersion"), body.get("kind"), meta.get("namespace"), meta.get("name")
    return Identity(*(part if isinstance(part, str) else "" for part in parts))


def _salvage(text: str) -> Identity:
    """What a broken document seems to be, so that one object, and not the whole folder, is in doubt."""
    top = {name: found.group(1) for name, pattern in _TOP_LEVEL.items() if (found := pattern.search(text))}
    block = _METADATA.search(text + "\n")
    entries: dict[str, str] = {}
    indent = ""
    for entry in _ENTRY.finditer(block.group(1)) if block else ():
        first = re.match(r"\s*?([ \t]+)\S", block.group(1)) if block else None
        indent = first.group(1) if first else entry.group(1)
        if entry.group(1) == indent:
            entries.setdefault(entry.group(2), entry.group(3))
    return Identity(
        top.get("apiVersion", ""), top.get("kind", ""), entries.get("namespace", ""), entries.get("name", "")
    )
