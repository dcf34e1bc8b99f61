"""Definitions kept in ConfigMaps: as text in `data`, or in `binaryData` as base64, gzip allowed."""

import base64
import binascii
import gzip
import io
import zlib
from typing import Any

from apis.sources.published import DefinitionText
from portal.errors import Invalid
from portal.kube import KubeObject
from portal.safeyaml import MAX_BYTES


def only_key(config_map: KubeObject, *parts: str) -> str:
    """The one key that the ConfigMap has in the given parts. Raises Invalid if there is none, or more than one."""
    keys = [key for part in parts for key in part_of(config_map, part)]
    if len(keys) != 1:
        count = "no key" if not keys else f"{len(keys)} keys"
        message = (
            f"ConfigMap {config_map.namespace}/{config_map.name} has {count} where exactly one is expected"
        )
        raise Invalid(message, remedy="Keep the definition, and only it, in the ConfigMap; or name its key.")
    return keys[0]


def definition_of(config_map: KubeObject, key: str) -> DefinitionText:
    """The definition under a key. Raises Invalid with a remedy where it is missing or cannot be decoded."""
    place = f"ConfigMap {config_map.namespace}/{config_map.name}, key {key}"
    if key in (data := part_of(config_map, "data")):
        text = data[key]
        if not isinstance(text, str):
            raise Invalid(f"{place} is not text", remedy="Write the definition as a block of text (key: |).")
    elif key in (binary := part_of(config_map, "binaryData")):
        text = decoded(binary[key], place)
    else:
        raise Invalid(f"{place} is not there", remedy="Name one of the keys that the ConfigMap has.")
    if "\x00" in text or len(text) > MAX_BYTES:
        raise Invalid(f"{place} is no text of at most 20 MB", remedy="Put the definition's own text there.")
    return DefinitionText(text, place)


def part_of(config_map: KubeObject, part: str) -> dict[Any, Any]:
    """`data` or `binaryData`, empty if it is missing or malformed."""
    value = config_map.body.get(part)
    return (
        {key: text for key, text in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}
    )


def decoded(value: Any, place: str) -> str:
    """Base64 text, unpacked if it is gzip, as text. Never unpacks more than a definition may have."""
    try:
        raw = base64.b64decode(value, validate=False)
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(raw)) as packed:
                raw = packed.read(MAX_BYTES + 1)
        return raw[: MAX_BYTES + 1].decode()
    except (TypeError, ValueError, binascii.Error, OSError, EOFError, zlib.error) as error:
        remedy = "Put the definition's text there, plain or gzip-compressed, as UTF-8."
        raise Invalid(f"{place} cannot be decoded: {str(error)[:100]}", remedy=remedy) from None
