"""Handles for engine state: the session keeps the state, the client only its number."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

from invoke_cli.server.connection import NotSendable
from invoke_cli.server.serialization import Handle, SerializationError


@dataclass(slots=True)
class CachedStates:
    """The engine states that the client refers to by number, kept until the client releases them."""

    states: dict[int, object] = field(default_factory=dict)
    last: int = 0

    def number_of(self, state: object) -> int:
        """Store a state under a new number."""
        self.last += 1
        self.states[self.last] = state
        return self.last

    def state_of(self, number: int) -> object:
        """Return the state with this number; raise SerializationError if there is none."""
        if number not in self.states:
            raise SerializationError(f"no such state: {number}")
        return self.states[number]

    def keep(self, numbers: Sequence[int]) -> None:
        """Release all states except these."""
        self.states = {number: self.states[number] for number in numbers if number in self.states}


class Handles:
    """The handles of a client for states in the session."""

    def __init__(self) -> None:
        self._handles: weakref.WeakValueDictionary[int, Handle] = weakref.WeakValueDictionary()

    def number_of(self, state: object) -> int:
        """Return the number of a handle; raise NotSendable for a state of another engine.

        An engine that was started again counts from 1, so that the number alone could name another state.
        """
        if not isinstance(state, Handle) or not self.owns(state):
            raise NotSendable("what it continues from is in another engine, or in one that has ended")
        return state.number

    def owns(self, state: object) -> bool:
        """Return whether a state is one of the other side of this connection."""
        return isinstance(state, Handle) and self._handles.get(state.number) is state

    def state_of(self, number: int) -> Handle:
        """Return the handle with this number."""
        return self._handles.setdefault(number, Handle(number))

    def numbers_in_use(self) -> tuple[int, ...]:
        """Return the numbers of all handles that are still referenced."""
        return tuple(self._handles)
