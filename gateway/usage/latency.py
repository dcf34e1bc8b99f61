"""Percentiles from a histogram."""

from collections.abc import Sequence

from gateway.models import BUCKETS_MS


def percentile(buckets: Sequence[int], percent: float) -> float | None:
    """Milliseconds below which `percent` of the calls were, read evenly between the bounds of a bucket; None without calls.

    In the last bucket, which has no upper bound, its lower one: more than that is not known.
    """
    total = sum(buckets)
    if not total:
        return None
    wanted, below = total * percent / 100, 0
    for n, count in enumerate(buckets):
        if count and below + count >= wanted:
            low = BUCKETS_MS[n - 1] if n else 0
            high = BUCKETS_MS[n] if n < len(BUCKETS_MS) else low
            return low + (high - low) * (wanted - below) / count
        below += count
    return float(BUCKETS_MS[-1])
