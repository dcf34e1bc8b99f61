"""Looks a message up once: Django asks one catalog after another each time, and a page has hundreds of messages."""

from django.utils.translation import trans_real

# Of a language: more than there are messages. What a caller makes up is not kept beyond it.
MOST_KEPT = 10_000


class Remembering(trans_real.DjangoTranslation):
    """A language's catalogs, with what was asked of them."""

    def __init__(self, language: str, domain: str | None = None, localedirs: list[str] | None = None) -> None:
        self._said: dict[str, str] = {}
        super().__init__(language, domain, localedirs)

    def gettext(self, message: str) -> str:
        said = self._said.get(message)
        if said is None:
            said = super().gettext(message)
            if len(self._said) < MOST_KEPT:
                self._said[message] = said
        return said


def remember() -> None:
    """For every language, also those that were read while the apps were loaded."""
    trans_real.DjangoTranslation = Remembering  # type: ignore[misc]
    trans_real._translations.clear()  # type: ignore[attr-defined]  # noqa: SLF001
    trans_real._default = None  # type: ignore[attr-defined]  # noqa: SLF001
