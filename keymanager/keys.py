"""The text of API keys, client secrets and personal tokens: made, recognised offline, and never stored.

All are `<prefix>_<random><checksum>` of letters and digits, so that a double click selects the whole. The checksum is
CRC-32 of everything before it in six base-62 digits: a scanner that finds one in a repository can tell it from chance
without asking anybody, as `docs/reference/secrets.md` describes.
"""

import hashlib
import re
import secrets
import string
import zlib

KEY_PREFIXES = {"production": "ptk_live", "sandbox": "ptk_test"}
CLIENT_SECRET_PREFIX = "pcs"  # noqa: S105  what our secrets begin with
PERSONAL_TOKEN_PREFIX = "ppt"  # noqa: S105

# One expression for all, for secret scanners; a match counts when `is_ours` agrees.
PATTERN = r"\b(?:ptk_live|ptk_test|pcs|ppt)_[0-9A-Za-z]{30,48}\b"

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECKSUM_LENGTH = 6
# 24 base-62 digits are 142 bits of chance, 42 are 250.
_KEY_LENGTH = 24
_SECRET_LENGTH = 42
_SHOWN = 4


def new_api_key(environment: str) -> str:
    return _new(KEY_PREFIXES[environment], _KEY_LENGTH)


def new_client_secret() -> str:
    return _new(CLIENT_SECRET_PREFIX, _SECRET_LENGTH)


def new_personal_token() -> str:
    return _new(PERSONAL_TOKEN_PREFIX, _SECRET_LENGTH)


def is_ours(text: str) -> bool:
    """Whether `text` has the form and the checksum of something this portal made. It may be revoked all the same."""
    if not re.fullmatch(PATTERN, text):
        return False
    return secrets.compare_digest(text[-_CHECKSUM_LENGTH:], checksum(text[:-_CHECKSUM_LENGTH]))


def key_hash(key: str) -> str:
    """SHA-256 in hex: what is stored, and what the gateway looks up."""
    return hashlib.sha256(key.encode()).hexdigest()


def prefix_of(text: str) -> str:
    """What people recognise it by: `ptk_live_7Hq2`."""
    head, _, random = text.rpartition("_")
    return f"{head}_{random[:_SHOWN]}"


def checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def _new(prefix: str, length: int) -> str:
    text = f"{prefix}_{''.join(secrets.choice(_DIGITS) for _ in range(length))}"
    return text + checksum(text)
