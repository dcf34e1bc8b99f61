"""What changed between two definitions of an API, and what it means to consumers. Text in, changes out; no database, no network.

`diff` classifies every change as breaking, risky or safe by the table in `rules`. A schema is judged by its direction: in what
consumers send, taking less breaks; in what they get, sending more breaks. Descriptions, summaries, titles, tags, examples and
extensions promise nothing and are left out. Work is limited (`schemas.MOST_WORK`, `schemas.MOST_DEPTH`, `changes.MOST_CHANGES`);
where a limit is reached a change `not-all-compared` says so.
"""

from apis.definitions.diff.asyncapi import compare_asyncapi
from apis.definitions.diff.changes import Change, Changes, Level, worst
from apis.definitions.diff.graphql import compare_graphql
from apis.definitions.diff.openapi import compare_openapi
from apis.definitions.diff.operations import compare_operations
from apis.definitions.diff.reference import reference
from apis.definitions.diff.sources import Source, source_of

__all__ = ["Change", "Level", "diff", "reference", "worst"]


def diff(old: str, new: str) -> tuple[Change, ...]:
    """Every change from one text to another, breaking first. Raises Invalid for text that is no definition."""
    changes = Changes()
    compare(changes, source_of(old), source_of(new))
    return changes.all(old, new)


def compare(changes: Changes, old: Source, new: Source) -> None:
    """Notes every difference, in as much detail as the languages allow."""
    if old.language != new.language:
        message = f"The definition is {new.language} instead of {old.language}."
        changes.add("language-changed", message, old=old.language, new=new.language)
    elif old.tree is not None and new.tree is not None:
        compare_graphql(changes, old.tree, new.tree)
        return
    elif old.reader is not None and new.reader is not None:
        if old.language == "asyncapi":
            compare_asyncapi(changes, old.reader, new.reader)
        else:
            compare_openapi(changes, old.reader, new.reader)
        return
    compare_operations(changes, old.described().operations, new.described().operations)
