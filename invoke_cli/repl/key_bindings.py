"""Convert the key table to prompt_toolkit bindings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prompt_toolkit.filters import Filter
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from invoke_cli.language.help.keys import KEYS, When

Handlers = Mapping[str, Callable[[KeyPressEvent], None]]


def bindings(handlers: Handlers, filters: Mapping[When, Filter]) -> KeyBindings:
    """Bind the keys of each row to the handler of its action, with the filter of its mode."""
    keys = KeyBindings()
    for row in KEYS:
        for press in row.presses if row.action else ():
            keys.add(*press, filter=filters[row.when])(handlers[row.action])
    return keys
