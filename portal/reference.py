"""The pages of docs/reference/ that are made from the code. `manage.py reference` writes them, a test compares them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from apis.models import ApiVersion
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
    text = "The gateway's own answers are `application/problem+json` with a `reason` and a `request_id`.\n"
    return "\n".join([NOTE, "# Refusals\n", text, *head, *seen.values(), ""])
