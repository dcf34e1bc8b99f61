"""A definition with something that would run in every place where it may hold text."""

from typing import Any

# Each runs where it is shown as it is written: as an element, out of an attribute, as a link, as Markdown, as CSS.
CHARMS = (
    "<script>window.harmed=1</script>",
    '"><img src=x onerror="window.harmed=1">',
    "'><svg onload=window.harmed=1><animate onbegin=window.harmed=1 attributeName=x>",
    "[click](javascript:window.harmed=1) <javascript:window.harmed=1> ![x](x'onerror=window.harmed=1)",
    "[click]: javascript:window.harmed=1\n\n[click]",
    '<a href="javascript:window.harmed=1" onclick="window.harmed=1">click</a>',
    "<style>body{display:none}</style><link rel=stylesheet href=//harm.example/a.css>",
    '<iframe srcdoc="<script>parent.harmed=1</script>"></iframe><object data="javascript:window.harmed=1">',
    "</code></pre><form action=//harm.example><button>Sign in</button></form>",
    "`<b onmouseover=window.harmed=1>` &lt;script&gt;window.harmed=1&lt;/script&gt; \u202egnp.exe",
    "{{ request.user }} {% load portico %} ${window.harmed=1}",
    '" hx-get="/logout/" hx-trigger="load" hx-on:click="window.harmed=1',
    "]]></title></textarea><script>window.harmed=1</script>",
)
CHARM = "\n\n".join(CHARMS)


def definition() -> dict[str, Any]:
    """OpenAPI 3.1 with the charms in every text and every name."""
    line = " ".join(CHARMS)[:280]
    inner = {
        "type": "object",
        "title": line,
        "description": CHARM,
        "required": [line],
        "properties": {
            charm: {
                "type": "string",
                "description": CHARM,
                "pattern": charm,
                "format": charm,
                "default": charm,
            }
            | {"enum": [charm, CHARM], "examples": [charm]}
            for charm in CHARMS
        }
        | {"again": {"$ref": "#/components/schemas/" + "Harm"}, "lost": {"$ref": "#/" + line}},
        "patternProperties": {charm: {"const": charm} for charm in CHARMS},
        "discriminator": {"propertyName": line, "mapping": {line: "Harm"}},
        "oneOf": [{"title": charm, "description": CHARM} for charm in CHARMS],
        "example": {charm: charm for charm in CHARMS},
    }
    media = {"schema": {"$ref": "#/components/schemas/Harm"}}
    media["examples"] = {charm: {"summary": charm, "value": {charm: CHARM}} for charm in CHARMS[:4]}  # type: ignore[assignment]
    parameters = [
        {
            "name": charm,
            "in": where,
            "required": True,
            "description": CHARM,
            "schema": {"type": "string", "example": charm},
        }
        for charm in CHARMS
        for where in ("query", "header", "cookie")
    ]
    operation = {
        "summary": line,
        "description": CHARM,
        "tags": [line],
        "externalDocs": {"url": "javascript:window.harmed=1", "description": line},
        "security": [{line: [line]}],
        "parameters": parameters,
        "requestBody": {
            "description": CHARM,
            "content": dict.fromkeys(("application/json", *CHARMS[:3]), media),
        },
        "responses": {
            "200": {
                "description": CHARM,
                "headers": {line: {"description": CHARM}},
                "content": {"application/json": media},
            },
            line: {"description": CHARM},
        },
        "callbacks": {line: {line: {"post": {"description": CHARM}}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": line, "version": line, "description": CHARM},
        "tags": [{"name": line, "description": CHARM}],
        "paths": {
            "/harm": {"post": operation | {"operationId": "harm"}},
            f"/{CHARMS[1]}": {"get": operation | {"operationId": CHARMS[0]}},
        },
        "components": {"schemas": {"Harm": inner, CHARMS[1]: inner, line: inner}},
    }
