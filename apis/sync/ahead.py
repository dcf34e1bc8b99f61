"""What is needed next is made in a thread meanwhile: fetched and read, while this one stores what came before."""

import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Making(Iterator[T], Generic[T]):
    """Items that are made elsewhere, until the end of `with`."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Ahead(Making[T]):
    """The items of `source`, made in a thread of its own, at most `most` of them before they are asked for.

    The thread must not use the database: Django's connections belong to threads. What it raises is raised here, in its
    place among the items. `close` lets it finish the item it is at, and leaves no thread behind.
    """

    def __init__(self, source: Iterable[T], *, most: int = 1) -> None:
        self._source = source
        self._most = most
        self._made: deque[T] = deque()
        self._error: Exception | None = None
        self._over = self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._make, name="ahead", daemon=True)
        self._thread.start()

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._made or self._over)
            if self._made:
                self._changed.notify_all()
                return self._made.popleft()
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """No item more; waits for the thread."""
        with self._changed:
            self._closed = True
            self._made.clear()
            self._changed.notify_all()
        self._thread.join()

    def _make(self) -> None:
        try:
            for item in self._source:
                if not self._put(item):
                    break
            if close := getattr(self._source, "close", None):
                close()
        except Exception as error:  # noqa: BLE001  raised again by __next__
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _put(self, item: T) -> bool:
        """Whether more are wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._made) < self._most)
            if not self._closed:
                self._made.append(item)
                self._changed.notify_all()
            return not self._closed
