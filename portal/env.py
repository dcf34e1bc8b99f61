"""Environment variables as the settings read them. Each raises ImproperlyConfigured with the variable's name."""

import os

from django.core.exceptions import ImproperlyConfigured


def env_str(name: str, default: str | None = None) -> str:
    """The variable's text; without a default an absent one stops the start."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or PORTICO_DEMO=1 to try Portico out.")
    return value


def env_bool(name: str, *, default: bool) -> bool:
    return env_str(name, "1" if default else "0").strip().lower() in {"1", "true", "yes", "on"}


def env_int(name: str, default: int) -> int:
    text = env_str(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}.") from None


def env_choice(name: str, default: str, choices: set[str]) -> str:
    text = env_str(name, default)
    if text not in choices:
        raise ImproperlyConfigured(f"{name} is {text!r}: use {' or '.join(sorted(choices))}.")
    return text


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_map(name: str) -> dict[str, str]:
    """`a=1,b=2` as a dict."""
    return dict(part.split("=", 1) for part in env_list(name) if "=" in part)
