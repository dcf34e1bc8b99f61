"""Compares two OpenAPI documents of any version, 2, 3.0 or 3.1."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from apis.definitions.diff.bodies import compare_request_bodies, compare_responses
from apis.definitions.diff.changes import Changes
from apis.definitions.diff.operations import label_of, matched, note_deprecation, note_renamed
from apis.definitions.diff.parameters import compare_parameters
from apis.definitions.diff.schemas import SchemaDiff
from apis.definitions.diff.scope import Scope
from apis.definitions.diff.security import compare_security
from apis.definitions.diff.shapes import Schemas
from apis.definitions.diff.unchanged import Unchanged
from apis.definitions.diff.views import Document, View
from apis.definitions.parsed import Server
from apis.definitions.reader import Reader


def compare_openapi(changes: Changes, before: Reader, after: Reader) -> None:
    """Notes every difference."""
    old, new = Document(before), Document(after)
    unchanged = unchanged_in(old, new)
    schemas = SchemaDiff(schemas_of(old), schemas_of(new), unchanged)
    compare_servers(Scope(changes), old.servers(), new.servers())
    operations, others = list(old.operations()), list(new.operations())
    changes.places = {label_of(stated): (False, stated.place) for stated in operations}
    changes.places |= {label_of(stated): (True, stated.place) for stated in others}
    # All views are kept until the end: schemas are remembered by identity.
    views: list[View] = []
    for stated, other in matched(changes, operations, others):
        if unchanged and stated.place == other.place and unchanged.has_item(str(stated.place[1])):
            continue
        views += old.view(stated), new.view(other)
        compare_operation(Scope(changes, label_of(other), schemas), *views[-2:])
    changes.cut = changes.cut or schemas.cut


def unchanged_in(old: Document, new: Document) -> Unchanged | None:
    """What need not be compared. The same words may mean something else in another version of OpenAPI."""
    return Unchanged(old.reader.data, new.reader.data) if old.release == new.release else None


def schemas_of(document: Document) -> Schemas:
    """The schemas of a document, read as its version means them."""
    return Schemas(document.reader.data, siblings=document.release not in ("2.0", "3.0"))


def compare_operation(scope: Scope, old: View, new: View) -> None:
    """One operation, before and after."""
    note_renamed(scope, old, new)
    note_deprecation(scope, old.deprecated, new.deprecated)
    if old.operation_id and old.operation_id != new.operation_id:
        message = (
            f"The operation's id is {new.operation_id[:100] or 'gone'} instead of {old.operation_id[:100]}."
        )
        scope.add(
            "operation-id-changed", message, ("operationId",), old=old.operation_id, new=new.operation_id
        )
    compare_security(scope, old.security, new.security)
    compare_parameters(scope, old, new)
    compare_request_bodies(scope, old.body, new.body)
    compare_responses(scope, old, new)


def compare_servers(scope: Scope, old: Iterable[Server], new: Iterable[Server]) -> None:
    """Server addresses. The gateway's take their place for consumers, so nothing here breaks by itself."""
    before, after = {server.url for server in old}, {server.url for server in new}
    paths = {path_of(url) for url in after}
    for url in sorted(before - after):
        if before and after and path_of(url) not in paths:
            message = f"No server has the path {path_of(url)[:200]} any more."
            scope.add(
                "base-path-changed", message, ("servers",), old=path_of(url), new=", ".join(sorted(paths))
            )
        else:
            scope.add("server-removed", f"The server {url[:200]} is gone.", ("servers",), old=url)
    for url in sorted(after - before):
        scope.add("server-added", f"There is a new server {url[:200]}.", ("servers",), new=url)


def path_of(url: str) -> str:
    """The path of a server's address, without the slash at its end."""
    try:
        return urlsplit(url).path.rstrip("/") or "/"
    except ValueError:
        return url
