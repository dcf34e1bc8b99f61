"""The pages of docs/reference/ that are made from the code. `manage.py reference` writes them, a test compares them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from apis.definitions import diff
from apis.models import ApiVersion
from apis.sources import SOURCES
from apis.sources.source import Source
from gateway.targets.envoy.replies import REPLIES
from keymanager.models import Credential
from portal.accounts.roles import TEAM_ROLES, Permission
from subscriptions.models import Subscription

if TYPE_CHECKING:
    from portal.transitions import HasStatus

NOTE = "<!-- Made by `manage.py reference`. Change the code, not this page. -->\n"


def pages() -> dict[str, str]:
    """File name -> Markdown."""
    return {
        "states.md": _states(),
        "settings.md": _settings(),
        "roles.md": _roles(),
        "refusals.md": _refusals(),
        "sources.md": _sources(),
        "definition-changes.md": f"{NOTE}\n# Changes of definitions\n\n{diff.reference()}",
    }


def _states() -> str:
    kinds: tuple[tuple[str, type[HasStatus]], ...] = (
        ("Publication of an API version", ApiVersion),
        ("Subscription", Subscription),
        ("Credential", Credential),
    )
    parts = [NOTE, "# States\n"]
    for title, model in kinds:
        lines = [
            f"    {start} --> {end}" for start, ends in model.TRANSITIONS.items() for end in sorted(ends)
        ]
        parts += [f"## {title}\n", "```mermaid", "stateDiagram-v2", *lines, "```\n"]
    return "\n".join(parts)


def _settings() -> str:
    rows = ["| Variable | Default | What it is |", "|---|---|---|"]
    rows += [f"| `{name}` | {default} | {comment} |" for name, default, comment in _variables()]
    return "\n".join(
        [NOTE, "# Settings\n", "All from the environment, read in `portal/settings.py`.\n", *rows, ""]
    )


def _variables() -> Iterator[tuple[str, str, str]]:
    """Every variable that the settings read: name, default as written, the comment above or the help given."""
    source = (Path(__file__).parent / "settings.py").read_text()
    lines = source.splitlines()
    seen = set()
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("env_")
        ):
            continue
        name = _variable(node.args[0]) if node.args else ""
        if not name or name in seen:
            continue
        seen.add(name)
        given = node.args[1:] + [keyword.value for keyword in node.keywords]
        default = f"`{ast.unparse(given[0])}`" if given else "none"
        above = lines[node.lineno - 2].strip()
        comment = above.lstrip("# ") if above.startswith("# ") and "----" not in above else ""
        yield name, default.replace("|", "\\|"), comment


def _variable(given: ast.expr) -> str:
    """The variable's name as written; what the settings put into it as `<CLUSTER>`. "" for what is no literal."""
    parts = given.values if isinstance(given, ast.JoinedStr) else [given]
    names = [node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)]
    texts = [
        f"<{names.pop(0).upper()}>"
        if isinstance(part, ast.FormattedValue) and names
        else ast.literal_eval(part)
        for part in parts
        if isinstance(part, ast.Constant | ast.FormattedValue)
    ]
    return "".join(texts)


def _roles() -> str:
    head = [
        "| Permission | " + " | ".join(role.value for role in TEAM_ROLES) + " | admin |",
        "|---|" + "---|" * 4,
    ]
    rows = [
        f"| {permission.value} | "
        + " | ".join("yes" if permission in role.permissions else "" for role in TEAM_ROLES.values())
        + " | yes |"
        for permission in Permission
    ]
    text = "The role is held in the team that owns the application or the API. Anybody who is signed in may create a team.\n"
    return "\n".join([NOTE, "# Roles\n", text, *head, *rows, ""])


def _refusals() -> str:
    head = ["| Reason | Status | What it says |", "|---|---|---|"]
    seen: dict[str, str] = {}
    for reply in REPLIES:
        seen.setdefault(
            reply.reason,
            f"| `{reply.reason}` | {reply.status or 'as it is'} | {reply.title}. {reply.detail} |",
        )
    text = (
        "The gateway's own answers are `application/problem+json` with a `reason` and a `request_id`. The header "
        "`x-portico-reason` says the reason too, for HEAD and gRPC.\n"
    )
    return "\n".join([NOTE, "# Refusals\n", text, *head, *seen.values(), ""])


SOURCES_TEXT = """\
Each row is a kind of Kubernetes object that Portico reads, as the newest generation that the cluster serves. What an object states and
Portico's gateway cannot enforce stands on the page of its API. A kind that is not installed is no error; Portico reads it once it is.
Objects of the kinds in the last column are read again with those that name them, or that they point at.
"""


def _sources() -> str:
    head = [
        "| Kind | Generation | Publisher | What is read | What is enforced | What is only shown | Looks up |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {' | '.join(_cell(text) for text in _row(source))} |"
        for source in sorted(SOURCES, key=_by_publisher)
    ]
    return "\n".join([NOTE, "# Kinds that are read\n", SOURCES_TEXT, *head, *rows, ""])


def _by_publisher(source: Source) -> tuple[str, str, str]:
    return source.about.publisher, source.kind.kind, source.kind.version


def _row(source: Source) -> tuple[str, ...]:
    kind, about = source.kind, source.about
    looked_up = sorted({f"`{needed.kind}`" for needed in source.depends_on})
    return (
        f"`{kind.kind}`",
        f"`{kind.api_version}`",
        about.publisher,
        about.reads,
        about.enforced or "Nothing.",
        about.shown or "Nothing.",
        ", ".join(looked_up),
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
