"""One transition table per status. The state diagrams in the docs are generated from these tables."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext as _

from portal.errors import Conflict


class HasStatus(models.Model):
    """A model whose `status` moves only along `TRANSITIONS`: status -> the statuses it may become."""

    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]]
    status: str

    class Meta:
        abstract = True

    def may_become(self, status: str) -> bool:
        return status in self.TRANSITIONS[self.status]

    def move_to(self, status: str) -> None:
        """Change `status` in memory; the caller holds the row's lock and saves.

        Raises:
            Conflict: the table has no such step.
        """
        if not self.may_become(status):
            noun = self._meta.verbose_name
            options = ", ".join(sorted(self.TRANSITIONS[self.status])) or _("nothing: this is final")
            raise Conflict(
                _("This {noun} is {status}, so it cannot become {wanted}.").format(
                    noun=noun, status=self.status.replace("_", " "), wanted=status.replace("_", " ")
                ),
                remedy=_(
                    "Reload the page: somebody may have changed it. From here it may become: {options}."
                ).format(options=options),
            )
        self.status = status
