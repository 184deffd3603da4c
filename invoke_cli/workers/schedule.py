"""Decide which piece of work an idle worker takes: what it has loaded counts, and nothing waits too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Schedule(Generic[T]):
    """The waiting work, and what each worker did last.

    Work for a certain worker comes first, then work that needs no model (of kind None). Otherwise a worker continues
    with the kind of work that it did last. If none waits, it takes the oldest kind that no other worker has loaded, and
    only then one that another worker has loaded, too.

    Args:
        patience: How often the oldest piece of work may be passed over.
    """

    def __init__(self, patience: int = 32) -> None:
        self._patience = patience
        self._waiting: dict[Hashable, deque[tuple[int, T]]] = {}
        self._reserved: dict[str, deque[T]] = {}
        self._last_kind: dict[str, Hashable] = {}
        self._refused: dict[str, set[Hashable]] = {}
        self._added = 0
        self._passed_over = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + sum(map(len, self._reserved.values()))

    def add(self, work: T, kind: Hashable) -> None:
        """Add a piece of work; pieces of the same kind need the same model and adapters."""
        self._added += 1
        self._waiting.setdefault(kind, deque()).append((self._added, work))

    def add_first(self, work: T, kind: Hashable) -> None:
        """Add a piece of work before all others of its kind, for a second attempt."""
        self._waiting.setdefault(kind, deque()).appendleft((0, work))

    def add_for(self, worker: str, work: T) -> None:
        """Add a piece of work that only one worker can do."""
        self._reserved.setdefault(worker, deque()).append(work)

    def next_for(self, worker: str) -> T | None:
        """Remove and return what a worker shall do now; None if nothing waits for it."""
        if self._reserved.get(worker):
            return self._reserved[worker].popleft()
        possible = [kind for kind in self._waiting if not self.refuses(worker, kind)]
        if not possible:
            return None
        if None in possible:
            return self._take(None)
        oldest = min(possible, key=self._age)
        kind = self._chosen_kind(worker, oldest, possible)
        self._passed_over = 0 if kind == oldest else self._passed_over + 1
        self._last_kind[worker] = kind
        return self._take(kind)

    def refuse(self, worker: str, kind: Hashable) -> None:
        """Never give work of a kind to a worker, which cannot do it."""
        self._refused.setdefault(worker, set()).add(kind)

    def refuses(self, worker: str, kind: Hashable) -> bool:
        """Return whether a worker cannot do work of a kind."""
        return kind in self._refused.get(worker, ())

    def take_refused(self, workers: Collection[str]) -> list[T]:
        """Remove and return the waiting work that none of these workers can do."""
        kinds = [kind for kind in self._waiting if all(self.refuses(worker, kind) for worker in workers)]
        return [work for kind in kinds for _, work in self._waiting.pop(kind)]

    def discard(self, work: T) -> bool:
        """Remove a piece of work; return whether it was still waiting."""
        for kind, group in list(self._waiting.items()):
            kept = deque(each for each in group if each[1] is not work)
            if len(kept) < len(group):
                self._keep(kind, kept)
                return True
        return False

    def forget(self, worker: str) -> list[T]:
        """Forget a worker that has ended, and what it refused; return the work that only it could have done."""
        self._last_kind.pop(worker, None)
        self._refused.pop(worker, None)
        return list(self._reserved.pop(worker, ()))

    def _take(self, kind: Hashable) -> T:
        group = self._waiting[kind]
        _, work = group.popleft()
        self._keep(kind, group)
        return work

    def _keep(self, kind: Hashable, group: deque[tuple[int, T]]) -> None:
        if group:
            self._waiting[kind] = group
        else:
            self._waiting.pop(kind, None)

    def _age(self, kind: Hashable) -> int:
        return self._waiting[kind][0][0]

    def _chosen_kind(self, worker: str, oldest: Hashable, possible: Sequence[Hashable]) -> Hashable:
        own = self._last_kind.get(worker)
        if self._passed_over >= self._patience:
            return oldest
        if own in possible:
            return own
        elsewhere = {kind for other, kind in self._last_kind.items() if other != worker}
        free = [kind for kind in possible if kind not in elsewhere]
        return min(free, key=self._age) if free else oldest
