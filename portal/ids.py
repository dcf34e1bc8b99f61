"""Public identifiers: a prefix that says what it is, and enough chance that nobody guesses one. Never a row number."""

import secrets

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_id(prefix: str) -> str:
    """`app` -> `app_7hq2…`: 16 characters of 36, 82 bits; letters, digits and one underscore, safe at the gateway."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(16))}"
