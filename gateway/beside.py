"""One piece of long work at a time, on a thread of its own with a database connection of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from django.db import connection

_Result = TypeVar("_Result")


class Beside(Generic[_Result]):
    """Work that is begun, and whose result is taken when it is there."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._result: _Result | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether something was begun that was not taken."""
        return self._thread is not None

    def begin(self, work: Callable[[], _Result]) -> None:
        self._thread = threading.Thread(target=self._do, args=(work,), name="compile", daemon=True)
        self._thread.start()

    def taken(self) -> _Result | None:
        """The result, once; None before it is there. Raises what the work raised."""
        if self._thread is None or self._thread.is_alive():
            return None
        result, error = self._result, self._error
        self._thread = self._result = self._error = None
        if error:
            raise error
        return result

    def wait(self) -> None:
        """Until nothing is being done."""
        if self._thread:
            self._thread.join()

    def _do(self, work: Callable[[], _Result]) -> None:
        try:
            self._result = work()
        except BaseException as error:  # noqa: BLE001  raised again where the result is taken
            self._error = error
        finally:
            connection.close()


@contextmanager
def one_at_a_time() -> Iterator[Beside]:
    """Nothing is left running after it."""
    work: Beside = Beside()
    try:
        yield work
    finally:
        work.wait()
