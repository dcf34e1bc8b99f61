"""Read a folder of manifests as it is kept in Git: every document by itself, with file and line."""

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
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
# Seconds that a checkout is waited for, and after which its lock is what a killed one left.
_GIT_PATIENCE = 10.0
_GIT_STALE = 60.0
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
FolderSignature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Look:
    """The folders and files below a root at one moment, and the time of the latest change."""

    root: Path
    folders: dict[str, FolderSignature]
    files: dict[str, Signature]
    youngest: float


class Folder:
    """The manifests below a path. The path itself may be a symlink that is moved (git-sync does so)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[str, tuple[Signature, tuple[Document, ...]]] = {}
        self._look = _Look(root=path, folders={}, files={}, youngest=0.0)
        self._settled = False

    def signatures(self) -> dict[str, Signature]:
        """Return each file's signature once nothing in the folder is being written. Raises ClusterUnavailable."""
        self._settled = False
        git_until = time.monotonic() + _GIT_PATIENCE
        attempts = _SETTLE_ATTEMPTS
        while True:
            self._look = look = _looked(self.path)
            if _git_writes(look.root) and time.monotonic() < git_until:
                time.sleep(SETTLE)
                continue
            age = time.time() - look.youngest
            self._settled = not 0 <= age < SETTLE
            attempts -= 1
            if self._settled or not attempts:
                return look.files
            time.sleep(SETTLE - age)

    def unchanged(self, files: Iterable[str] | None) -> bool:
        """Whether the folders, and these files (None: all), are what `signatures` found. Much cheaper than to look."""
        if not self._settled:
            return False
        look, root = self._look, f"{self._look.root}{os.sep}"
        try:
            if _folder_signature(_stat(self.path)) != look.folders[str(look.root)]:
                return False
            if any(_folder_signature(_stat(path)) != known for path, known in look.folders.items()):
                return False
            asked = look.files if files is None else files
            return all(_signature(_stat(root + file)) == look.files[file] for file in asked)
        except (OSError, KeyError):
            return False  # the next look says what is wrong

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
        with (self._look.root / file).open("rb") as stream:
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


def _looked(path: Path) -> _Look:
    """Look at everything below the path. Raises ClusterUnavailable, AccessDenied."""
    root = path.resolve()
    youngest = 0.0
    folders: dict[str, FolderSignature] = {}
    files: dict[str, Signature] = {}
    prefix = len(str(root).rstrip(os.sep)) + 1
    waiting = [str(root)]
    try:
        while waiting:
            folder = waiting.pop()
            status = _stat(folder)
            folders[folder] = _folder_signature(status)
            youngest = max(youngest, status.st_ctime)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    found = _status(entry, root)
                    if found is not None:
                        youngest = max(youngest, found.st_ctime)
                        files[entry.path[prefix:]] = _signature(found)
    except PermissionError as error:
        raise AccessDenied(
            f"Portico may not read {error.filename}.", remedy="Let Portico's user read the whole folder."
        ) from None
    except OSError as error:
        raise ClusterUnavailable(
            f"The folder of manifests {path} cannot be read: {error.strerror}.",
            remedy="See that it is mounted.",
        ) from None
    if len(files) > MAX_FILES:
        raise ClusterUnavailable(f"{path} holds more than {MAX_FILES} manifests.", remedy="Split the folder.")
    return _Look(root, folders, dict(sorted(files.items())), youngest)


def _stat(path: str | Path) -> os.stat_result:
    return os.stat(path)  # noqa: PTH116  to make a thousand Paths costs more than to look at the files


def _signature(status: os.stat_result) -> Signature:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _folder_signature(status: os.stat_result) -> FolderSignature:
    return status.st_ctime_ns, status.st_ino, status.st_dev


def _status(entry: os.DirEntry[str], root: Path) -> os.stat_result | None:
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


def _git_writes(root: Path) -> bool:
    """Whether Git changes the work tree that the folder is in: it holds its index's lock until the last file is there."""
    for folder in (root, *root.parents):
        git = folder / ".git"
        try:
            if git.is_file():  # a work tree of its own, as git-sync makes them
                git = folder / git.read_text().removeprefix("gitdir:").strip()
            elif not git.is_dir():
                continue
            return time.time() - (git / "index.lock").stat().st_mtime < _GIT_STALE
        except (OSError, UnicodeDecodeError):
            return False
    return False


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
