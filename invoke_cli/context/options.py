"""The options of a session: what is decided at launch, or by a library's caller."""

from __future__ import annotations

from dataclasses import dataclass, field

from invoke_cli.language.switches.launch import Options
from invoke_cli.request import GenerationRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """What is decided at launch. `defaults` are the line switches given there without a prompt; a device or precision
    of None is invoke.init's, else the engine's choice.
    """

    root: str | None = None
    config: str | None = None
    device: str | None = None
    precision: str | None = None
    offline: bool = False
    defaults: GenerationRequest = field(default_factory=GenerationRequest)


def session_options(options: Options, defaults: GenerationRequest) -> SessionOptions:
    """The launch options as the session takes them."""
    return SessionOptions(
        root=_text(options, "root"),
        config=_text(options, "config"),
        device=_text(options, "device"),
        precision=_text(options, "precision"),
        offline=bool(options.get("offline")),
        defaults=defaults,
    )


def _text(options: Options, name: str) -> str | None:
    value = options.get(name)
    return value if isinstance(value, str) else None
