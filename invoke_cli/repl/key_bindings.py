"""The key table as prompt_toolkit's bindings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prompt_toolkit.filters import Filter
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from invoke_cli.language.help.keys import KEYS, When

Handlers = Mapping[str, Callable[[KeyPressEvent], None]]


def bindings(handlers: Handlers, moments: Mapping[When, Filter]) -> KeyBindings:
    """Each row of ours bound to the handler of its action, at its moment."""
    keys = KeyBindings()
    for row in KEYS:
        for press in row.presses if row.action else ():
            keys.add(*press, filter=moments[row.when])(handlers[row.action])
    return keys
