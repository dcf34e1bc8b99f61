"""Sets of small numbers: the positions of APIs in the index. Bit n of an integer is position n."""

from collections.abc import Iterable
from functools import cached_property

# From here on one integer is smaller than a set, and far quicker to intersect.
MANY = 256
_DIGIT_TO_FLAG = bytes.maketrans(b"01", b"\x00\x01")
_FLAG_TO_DIGIT = bytes.maketrans(b"\x00\x01", b"01")


def bits_of(positions: Iterable[int], size: int) -> int:
    """`positions`, each below `size`, as an integer."""
    flags = bytearray(size)
    for position in positions:
        flags[position] = 1
    flags.reverse()
    return int(bytes(flags.translate(_FLAG_TO_DIGIT)) or b"0", 2)


class Mask:
    """A set of positions to count within."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self._flags = b""

    @cached_property
    def count(self) -> int:
        return self.bits.bit_count()

    def flags(self, size: int) -> bytes:
        """One byte for each position below `size`, which none of the set passes: 1 where it is in the set.

        Asked for again by an index that has grown since, it grows, too.
        """
        if len(self._flags) < size:
            self._flags = f"{self.bits:0{size}b}".encode()[::-1].translate(_DIGIT_TO_FLAG)
        return self._flags

    def __and__(self, bits: int) -> "Mask":
        return Mask(self.bits & bits)


class Postings:
    """The positions that have one value: a set while they are few, one integer when they are many."""

    __slots__ = ("_bits", "_few", "count")

    def __init__(self) -> None:
        self._few: set[int] | None = set()
        self._bits = 0
        self.count = 0

    def fill(self, positions: list[int], size: int) -> None:
        """All positions at once, each named once."""
        self.count = len(positions)
        if self.count < MANY:
            self._few = set(positions)
        else:
            self._few, self._bits = None, bits_of(positions, size)

    def add(self, position: int) -> None:
        """A position that is not there yet."""
        self.count += 1
        if self._few is None:
            self._bits |= 1 << position
            return
        self._few.add(position)
        if self.count >= MANY:
            self._bits, self._few = self.bits, None

    def discard(self, position: int) -> None:
        """A position that is there."""
        self.count -= 1
        if self._few is None:
            self._bits &= ~(1 << position)
        else:
            self._few.discard(position)

    @property
    def bits(self) -> int:
        if self._few is None:
            return self._bits
        return bits_of(self._few, max(self._few, default=0) + 1)

    def within(self, mask: Mask, size: int) -> int:
        """How many of them are in `mask`; `size` is that of the index."""
        if self._few is None:
            return (self._bits & mask.bits).bit_count()
        flags = mask.flags(size)
        return sum(flags[position] for position in self._few)

    def touches(self, mask: Mask, size: int) -> bool:
        if self._few is None:
            return bool(self._bits & mask.bits)
        flags = mask.flags(size)
        return any(flags[position] for position in self._few)
