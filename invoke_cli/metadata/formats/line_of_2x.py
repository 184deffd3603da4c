"""Lines that the parser of InvokeAI 2.3.5 reads, too. `-m` was the sampler there, so a comment notes the model."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.noted_model import MARK
from invoke_cli.request import GenerationRequest

_FIELDS = frozenset({
    "prompt", "num_inference_steps", "seeds", "width", "height", "guidance_scale", "scheduler", "model", "threshold",
    "perlin", "h_symmetry_time_pct", "v_symmetry_time_pct", "seamless", "init_image", "strength", "fit",
    "facetool_strength", "facetool", "codeformer_fidelity", "upscale", "variations",
})  # fmt: skip
SAMPLERS = frozenset({
    "ddim", "k_dpm_2", "k_dpm_2_a", "k_dpmpp_2", "k_euler", "k_euler_a", "k_heun", "k_lms", "plms",
})  # fmt: skip
# A prompt without quotes ends at the first blank before a switch of at least two characters.
_PARTS = re.compile(r"(.+?)\s(--?[A-Za-z].+)")


def as_in_2x(request: GenerationRequest) -> str:
    """Return the line of a request in the language of InvokeAI 2.3.5; empty if it lacks something that is needed."""
    values = request.set_fields()
    if not values.keys() <= _FIELDS or values.get("scheduler") not in SAMPLERS:
        return ""
    line = format_line([replace(request, model=None)])
    if not _reads_back(line, request.prompt or ""):
        return ""
    return f"{line} {MARK}{request.model}" if request.model else line


def _reads_back(line: str, prompt: str) -> bool:
    """Return whether the original would find the same prompt in the line, and words after it."""
    try:
        if line.startswith('"'):
            return shlex.split(line, comments=True)[0] == prompt
        match = _PARTS.fullmatch(line)
        return match is not None and match[1] == prompt and bool(shlex.split(match[2], comments=True))
    except ValueError:
        return False
