"""What stands behind a handle: the session keeps it, the caller knows its number."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

from invoke_cli.server.connection import Gone
from invoke_cli.server.serialization import Handle, SerializationError


@dataclass(slots=True)
class CachedStates:
    """What callers know by number only: it lives until they let go of it."""

    states: dict[int, object] = field(default_factory=dict)
    last: int = 0

    def number_of(self, state: object) -> int:
        """A new number for a state."""
        self.last += 1
        self.states[self.last] = state
        return self.last

    def state_of(self, number: int) -> object:
        """The state of this number; WireError when it is not kept."""
        if number not in self.states:
            raise SerializationError(f"there is no state {number}")
        return self.states[number]

    def keep(self, numbers: Sequence[int]) -> None:
        """Let go of all others."""
        self.states = {number: self.states[number] for number in numbers if number in self.states}


class Handles:
    """The caller's names for what stays in the session."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[int, Handle] = weakref.WeakValueDictionary()

    def number_of(self, state: object) -> int:
        """The number of a handle; Gone for what was never the session's."""
        if not isinstance(state, Handle):
            raise Gone("made elsewhere")
        return state.number

    def state_of(self, number: int) -> Handle:
        """The handle of this number."""
        return self._known.setdefault(number, Handle(number))

    def alive(self) -> tuple[int, ...]:
        """The numbers of all handles that somebody still has."""
        return tuple(self._known)
