"""The page of docs/reference/ about changes of definitions, made from the rules."""

from apis.definitions.diff.rules import GROUPS

TEXT = """\
`apis.definitions.diff` compares two texts of a definition and gives every change a level for the consumers of the API:

- **breaking**: a consumer that keeps to the old text may fail;
- **risky**: it depends on the consumer or on what the text leaves open;
- **safe**: a consumer need not do anything.

A schema is judged by its direction: in what consumers send, taking less breaks; in what they get, sending more breaks. Descriptions,
summaries, titles, tags, examples and extensions promise nothing and are left out. Names of placeholders in paths, of schemas and of
security schemes may change freely, and so may the version of OpenAPI or AsyncAPI. For WSDL and protobuf only operations are compared.
"""


def reference() -> str:
    """Markdown: each code with its level in requests and in responses, and its meaning. Without a heading of the page."""
    lines = [TEXT]
    for title, rules in GROUPS.items():
        lines += [
            f"## {title}\n",
            "| Code | Sent by consumers | Sent by the API | Meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{code}` | {rule.request} | {rule.response} | {rule.meaning} |"
            for code, rule in rules.items()
        ]
        lines.append("")
    return "\n".join(lines)
