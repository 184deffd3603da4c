"""The toolbar: the problem of the typed line, else its tokens, model, defaults, `!set` and device."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from prompt_toolkit.formatted_text import StyleAndTextTuples

from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.repl.diagnostics import diagnostic
from invoke_cli.repl.reference_check import ReferenceCheck
from invoke_cli.repl.token_counter import TokenCounter
from invoke_cli.request import GenerationRequest, overlay

if TYPE_CHECKING:
    from invoke_cli.session import Session


class Toolbar:
    """Caches its text, so that drawing it is cheap. Call `refresh` after anything that may change it."""

    def __init__(self, settings: Settings, counter: TokenCounter) -> None:
        self._settings = settings
        self._counter = counter
        self.reference_check = ReferenceCheck(settings)
        self._request: GenerationRequest | None = None
        self._native = 0
        self._defaults = self._read()
        self._device = "loading …"
        self._commands: frozenset[str] = frozenset()

    def fragments(self, text: str) -> StyleAndTextTuples:
        """Return the styled toolbar for the text of the input."""
        problem = diagnostic(text, self._commands, self.reference_check)
        if problem is not None:
            return [("" if problem.open else "class:toolbar-error", f" {sanitize_for_terminal(problem.text)}")]
        count = self._counter.count(text)
        tokens = f"{count.text}  |  " if count is not None else ""
        return [("", f" {tokens}{self._with_line(text)}  |  {self._device}")]

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
            self._device = f"{memory.device}  |  {memory.used / 1e9:.1f} GB used, {memory.free / 1e9:.1f} GB free"

    def _with_line(self, text: str) -> str:
        """Return the defaults, with the values that the first stage of the typed line replaces."""
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

    def _read(self) -> str:
        self._request = None
        try:
            request = self._settings.defaults().request
            model = self._settings.model()
        except InvokeError as error:
            return error.message
        self._native = model.facts.size
        self._request = overlay(request, GenerationRequest(model=model.spec.name))
        return self._described(self._request)

    def _described(self, request: GenerationRequest) -> str:
        size = f"{request.width or self._native}x{request.height or self._native}"
        model = sanitize_for_terminal(request.model or "")
        parts = [model, size, f"{request.num_inference_steps} steps", sanitize_for_terminal(str(request.scheduler))]
        session_request = self._settings.session_request
        if session_request.set_fields():
            parts.append(f"!set {sanitize_for_terminal(format_line([session_request]))}")
        return "  |  ".join(parts)
