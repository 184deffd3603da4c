"""The toolbar: the problem of the typed line, else its tokens, model, defaults, `!set` and device."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.utils import get_cwidth

from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.repl.diagnostics import diagnostic
from invoke_cli.repl.reference_check import ReferenceCheck
from invoke_cli.repl.token_counter import TokenCounter
from invoke_cli.request import GenerationRequest, overlay

if TYPE_CHECKING:
    from invoke_cli.session import Session

Part = tuple[int, str]  # a part of the toolbar: the lower its number, the longer it stays
_SEPARATOR = "  |  "


class Toolbar:
    """Caches its text, so that drawing it is cheap. Call `refresh` after anything that may change it."""

    def __init__(self, settings: Settings, counter: TokenCounter) -> None:
        self._settings = settings
        self._counter = counter
        self.reference_check = ReferenceCheck(settings)
        self._request: GenerationRequest | None = None
        self._native = 0
        self._defaults = self._read()
        self._device: list[Part] = [(0, "loading …")]
        self._commands: frozenset[str] = frozenset()

    def fragments(self, text: str, width: int = 200) -> StyleAndTextTuples:
        """Return the styled toolbar for the text of the input; what does not fit the width is dropped whole."""
        problem = diagnostic(text, self._commands, self.reference_check)
        if problem is not None:
            return [("" if problem.open else "class:toolbar-error", f" {sanitize_for_terminal(problem.text)}")]
        count = self._counter.count(text)
        tokens = [(1, count.text)] if count is not None else []
        parts = [*tokens, *self._with_line(text), *self._device]
        return [("", f" {fitting(parts, width - 2)}")]

    def refresh(self, session: Session) -> None:
        """Read the defaults, the names of commands and the memory again."""
        from invoke_cli.commands.table import command_names

        self.reference_check.forget()
        self._defaults = self._read()
        names = set(command_names())
        with contextlib.suppress(InvokeError):
            names |= session.context.aliases.load().keys()
        self._commands = frozenset(names)
        engine = session.context.open_engine
        if engine is not None:
            memory = engine.memory()
            use = f"{memory.used / 1e9:.1f} GB used, {memory.free / 1e9:.1f} GB free"
            self._device = [(5, memory.device), (6, use)]

    def _with_line(self, text: str) -> list[Part]:
        """Return the defaults, with the values that the first stage of the typed line replaces, and its LoRAs."""
        defaults = self._request
        if defaults is None:
            return self._defaults
        try:
            parsed = parse(text)
        except LineError:
            return self._defaults
        if not isinstance(parsed, Generation):
            return self._defaults
        return self._described(overlay(defaults, parsed.stages[0].request))

    def _read(self) -> list[Part]:
        self._request = None
        try:
            request = self._settings.defaults().request
            model = self._settings.model()
        except InvokeError as error:
            return [(0, error.message)]
        self._native = model.facts.size
        self._request = overlay(request, GenerationRequest(model=model.spec.name))
        return self._described(self._request)

    def _described(self, request: GenerationRequest) -> list[Part]:
        size = f"{request.width or self._native}x{request.height or self._native}"
        steps, sampler = f"{request.num_inference_steps} steps", sanitize_for_terminal(str(request.scheduler))
        parts = [(0, sanitize_for_terminal(request.model or "")), (2, size), (3, steps), (4, sampler)]
        loras = _lora_text(request)
        parts += [(2, loras)] if loras else []
        session_request = self._settings.session_request
        if session_request.set_fields():
            parts.append((1, f"!set {sanitize_for_terminal(format_line([session_request]))}"))
        return parts


def _lora_text(request: GenerationRequest) -> str:
    """Return the LoRAs of the switch and of the prompt."""
    try:
        prompted = parse_prompt_sources(request.prompt or "", syntax=request.prompt_syntax).loras
    except InvokeError:
        prompted = ()
    used = dict(request.loras or ()) | dict(prompted)
    shown = ", ".join(f"{name} {weight:g}" for name, weight in used.items())
    return f"LoRA {sanitize_for_terminal(shown)}" if shown else ""


def fitting(parts: Sequence[Part], width: int) -> str:
    """Join parts of a line; those of the highest numbers are dropped, whole, until the rest fits."""
    left = list(parts)
    while left:
        joined = _SEPARATOR.join(text for _, text in left)
        if get_cwidth(joined) <= width or len(left) == 1:
            return joined
        left.remove(max(left, key=lambda part: part[0]))
    return ""
