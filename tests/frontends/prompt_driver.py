"""Somebody who types at the prompt: keys, and conditions that must come true before the next ones are pressed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from invoke_cli.repl import loop
from invoke_cli.request import GenerationRequest
from tests.frontends.program import Program, keys

PASTE = "\x1b[200~{}\x1b[201~"
Prompt = loop._Prompt
Step = str | Callable[[Prompt], object]


def typed(*steps: Step) -> str:
    """A session at the prompt: keys, and conditions that must come true before the next ones are pressed; what was on
    the screen.
    """
    failed: list[Step] = []

    def type_all(prompt: Prompt) -> None:
        for step in (*steps, "q\n"):
            if isinstance(step, str):
                pipe.send_text(step)
                continue
            deadline = time.monotonic() + 60
            while not step(prompt) and not failed:
                time.sleep(0.01)
                if time.monotonic() > deadline:
                    failed.append(step)
                    pipe.send_text("\x03\x03\x15q\n")
                    return

    with keys() as (pipe, screen), pytest.MonkeyPatch.context() as patch:
        run = Prompt.run

        def run_and_type(prompt: Prompt) -> None:
            fingers = threading.Thread(target=type_all, args=(prompt,))
            fingers.start()
            run(prompt)
            fingers.join()

        patch.setattr(Prompt, "run", run_and_type)
        assert loop.open_prompt({}, GenerationRequest()) == 0
    assert not failed
    return screen.getvalue()


def suggested(prompt: Prompt) -> bool:
    """Whether there is grey text behind the cursor."""
    return bool(prompt.input.default_buffer.suggestion)


def asked(prompt: Prompt) -> bool:
    """Whether there is a question about several lines."""
    return prompt.outside.question is not None


def found(count: int) -> Step:
    """Whether the search shows so many lines."""

    def shown(prompt: Prompt) -> bool:
        state = prompt.input.default_buffer.complete_state
        return prompt.search.on and state is not None and len(state.completions) == count

    return shown


def holds(text: str) -> Step:
    """Whether this, and nothing else, is in the input."""
    return lambda prompt: not prompt.search.on and not asked(prompt) and prompt.input.default_buffer.text == text


def drawn(program: Program) -> list[str]:
    """The beginnings of the lines of all pictures."""
    texts = [path.read_bytes() for path in program.images]
    return [text.split(b"Dream\0")[1].split(b" -s")[0].decode() for text in texts]
