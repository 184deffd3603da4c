"""A driver of the prompt: keys, and conditions that must hold before the next keys are sent."""

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


def type_at_prompt(*steps: Step) -> str:
    """Run a session at the prompt; return its screen. Steps are keys, or conditions that must hold before the next keys
    are sent.
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
            typist = threading.Thread(target=type_all, args=(prompt,))
            typist.start()
            run(prompt)
            typist.join()

        patch.setattr(Prompt, "run", run_and_type)
        assert loop.open_prompt({}, GenerationRequest()) == 0
    assert not failed
    return screen.getvalue()


def suggested(prompt: Prompt) -> bool:
    """Return whether a suggestion is shown after the cursor."""
    return bool(prompt.input.default_buffer.suggestion)


def confirming(prompt: Prompt) -> bool:
    """Return whether the prompt asks about several lines."""
    return prompt.external_input.question is not None


def search_shows(count: int) -> Step:
    """Return a condition: the search shows this number of lines."""

    def shown(prompt: Prompt) -> bool:
        state = prompt.input.default_buffer.complete_state
        return prompt.search.is_active and state is not None and len(state.completions) == count

    return shown


def input_is(text: str) -> Step:
    """Return a condition: the input contains this text and nothing else."""
    return lambda prompt: (
        not prompt.search.is_active and not confirming(prompt) and prompt.input.default_buffer.text == text
    )


def prompts_of(program: Program) -> list[str]:
    """Return the prompts of all images."""
    texts = [path.read_bytes() for path in program.images]
    return [text.split(b"Dream\0")[1].split(b" -s")[0].decode() for text in texts]
