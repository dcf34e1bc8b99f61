"""The machine's clock, which somebody may set."""

import time

_STEP_S = 1.0


class Clock:
    """Tells when the clock was set: whatever was planned for a time of day must be looked at anew."""

    def __init__(self) -> None:
        self._offset = _offset()

    def was_set(self) -> bool:
        """Whether it was, by more than a second, since the last time that this said so."""
        offset = _offset()
        stepped = abs(offset - self._offset) > _STEP_S
        if stepped:
            self._offset = offset
        return stepped


def _offset() -> float:
    return time.time() - time.monotonic()
