"""How long to wait before something that failed is tried again: exponential backoff, truncated and with jitter. Pure.

The wait doubles with every failure in a row up to a longest one, so that a server that is away is not flooded with attempts. Jitter, a
random factor, keeps clients that failed together from coming back together. Used by every part that retries; the caller counts the
failures, draws the random number and does the waiting.

Sources: connection-backoff.md of gRPC, for the truncated form with a factor around 1; M. Brooker, "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015, where a factor of 0.5 to 1 is called equal jitter.
"""

from __future__ import annotations

from dataclasses import dataclass

_MOST_DOUBLINGS = 1000  # 2.0**1024 is an OverflowError, and something may fail more often than that


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits of one kind of retry.

    Attributes:
        first_s: seconds after the first failure. Invariant: 0 < first_s.
        longest_s: upper bound of the wait in seconds, before jitter. Invariant: 0 < longest_s.
        jitter: bounds of the random factor. Invariant: 0 <= jitter[0] <= jitter[1].
    """

    first_s: float
    longest_s: float
    jitter: tuple[float, float] = (1.0, 1.0)

    def wait_s(self, failures: int) -> float:
        """Return the wait in seconds without jitter: min(longest_s, first_s * 2**(failures - 1)), and 0 where nothing has failed.

        Args:
            failures: how often it failed in a row.
        """
        if failures <= 0:
            return 0.0
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))

    def jittered_s(self, failures: int, chance: float) -> float:
        """Return `wait_s(failures)` times a factor within the jitter's bounds.

        Args:
            failures: how often it failed in a row.
            chance: a random number in [0, 1), uniform; it is mapped linearly to the bounds.
        """
        return self.spread_s(self.wait_s(failures), chance)

    def spread_s(self, wait_s: float, chance: float) -> float:
        """Return another wait, such as one that a server asked for, times a factor within the jitter's bounds; see `jittered_s`."""
        low, high = self.jitter
        return wait_s * (low + (high - low) * chance)
