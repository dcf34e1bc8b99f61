"""Does the time of a refusal tell how much of a secret is right? Welch's t of the two kinds of guesses, in turns.

`python -m bench.wrong_secrets` prints it; beyond 4.5 either way the kinds differ (dudect, Reparaz and others, 2017).
"""

import os
import random
import statistics
import time

GUESSES = 40_000
LIMIT = 4.5
# The slowest are what the machine did beside.
_KEPT = 0.9


def measure() -> float:
    """Guesses that differ in the first character from the right secret, against those that differ in the last."""
    from keymanager import keys
    from keymanager.hashers import GeneratedSecretHasher

    hasher, secret = GeneratedSecretHasher(), keys.new_client_secret()
    stored = hasher.encode(secret, "salt")
    other = "x" if secret[0] != "x" else "y"
    guesses = [other + secret[1:], secret[:-1] + ("x" if secret[-1] != "x" else "y")]
    took: tuple[list[int], list[int]] = ([], [])
    chance = random.Random(7)
    for _ in range(GUESSES):
        kind = chance.getrandbits(1)
        began = time.perf_counter_ns()
        hasher.verify(guesses[kind], stored)
        took[kind].append(time.perf_counter_ns() - began)
    return welch(*(sorted(times)[: int(len(times) * _KEPT)] for times in took))


def welch(one: list[int], other: list[int]) -> float:
    means = statistics.fmean(one) - statistics.fmean(other)
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return means / spread**0.5


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    print(measure())
