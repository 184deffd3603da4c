"""Every switch has an effect: it changes a plan, an image, a file or a message."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from invoke_cli.engine import EngineSettings, Job
from invoke_cli.language.switches.switch import Group, Needs, Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.planning.plan import Plan
from invoke_cli.request import GenerationRequest
from tests.fake_engine import FakeEngine
from tests.sample_images import disc, drawing
from tests.session_harness import SessionHarness, pixels

# Tested elsewhere, since their effect needs weights, a terminal or another process.
TESTED_ELSEWHERE: Mapping[str, str] = {
    "text_mask": "needs CLIPSeg: tests/inputs/test_text_masks.py",
    "controls": "needs a control model: tests/inputs/test_controlnets.py",
    "facetool_strength": "needs a network: tests/engine/test_upscalers.py",
    "facetool": "needs a network: tests/engine/test_upscalers.py",
    "codeformer_fidelity": "needs a network: tests/engine/test_upscalers.py",
    "upscaler": "needs a network: tests/engine/test_upscalers.py",
    "latent_up": "needs an upscaler: tests/engine/test_upscalers.py",
    "sr": "needs an upscaler: tests/engine/test_upscalers.py",
    "postprocessors": "needs a plug-in: tests/plugins",
    "offload": "changes the engine alone: tests/families/test_optimizations.py",
    "attention": "changes the engine alone: tests/families/test_optimizations.py",
    "vae_tiling": "changes the engine alone: tests/families/test_optimizations.py",
    "fast": "changes the engine alone: tests/families/test_optimizations.py",
    "save_latents": "needs latents: tests/replay/test_resume.py",
    "preview": "needs a viewer: tests/generation/test_previews.py",
    "compat": "changes what masks and lines of InvokeAI 2.x mean: tests/replay/test_meanings_of_2x.py",
    "no_session": "needs another process: tests/frontends/test_engine_server_calls.py",
}

# Other switches on the line, and how the switch is typed, where the row's example does not suffice.
OTHER_SWITCHES: Mapping[str, str] = {
    "prompt_syntax": '--neg "(dull) colours"',
    "num_images": "",
    "variation_amount": "-n 2",
    "real_steps": "-f .5",
    "hires_fix": "-W 128 -H 128",
    "parallel": "-n 2",
    "embiggen_strength": "--embiggen 2",
    "embiggen_tiles": "--embiggen 2",
    "new_prompt": "-U 2",
    "save_original": "-U 2",
    "fix": "-U 2",
    "grid": "-n 2",
    "eta": "-A ddim",
    "save_all": "| oil -f .5",
}
VALUES: Mapping[str, str] = {
    "prompt": "--prompt dog",
    "seeds": "-S 2",
    "scheduler": "-A k_euler",
    "model": "-m other",
    "mask_blur": "--mask_blur 2",
    "mask_match": "--mask_match 0",
    "outdir": "-o elsewhere",
    "name_format": "--fnformat {seed}.png",
    "pad": "--pad=white",
    "png_compression": "-z 0",
    "num_images": "-n 2",
    "guidance_scale": "-C 3",
    "parallel": "--parallel 2",
}


ROOT = Path(__file__).parent.parent.parent


@contextmanager
def session_in(folder: Path, model: Path) -> Iterator[tuple[SessionHarness, FakeEngine]]:
    """A session in a new folder, with a sketch, a mask, a LoRA and a second model."""
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    engine = FakeEngine(EngineSettings())
    session = SessionHarness(folder, model, lambda _: engine)
    with (folder / "root/configs/models.yaml").open("a", encoding="utf-8") as file:
        file.write(f"other:\n  path: {model}\n")
    (folder / "root/loras").mkdir()
    (folder / "root/loras/film.safetensors").write_bytes(b"")
    drawing(96, 64).save("sketch.png")
    disc(96, 64).save("mask.png")
    try:
        yield session, engine
    finally:
        session.session.close()
        os.chdir(before)


def without_request(plan: Plan) -> Plan:
    """Return the plan without its request and output settings."""
    return replace(plan, request=GenerationRequest(), sources={}, output=replace(plan.output, outdir=""))


def facts_of(job: Job) -> tuple[object, ...]:
    """Return what the engine receives, apart from the request and the switches for output."""
    plan = without_request(job.plan)
    images = [image.tobytes() if image else b"" for image in (job.init, job.mask, *job.guides)]
    digests = [hashlib.sha256(image).hexdigest() for image in images]
    return (replace(plan, output=without_request(plan).output), job.images, digests, job.batch_size)


def effects(folder: Path, model: Path, line: str, group: Group) -> tuple[object, ...]:
    """Return all effects of a line; for output switches the files alone, since their plans always differ."""
    with session_in(folder, model) as (session, engine):
        session.run(line)
        assert not session.errors, (line, session.errors)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and ".invoke" not in path.parts)
        images = [path for path in files if path.suffix == ".png" and "root" not in path.parts]
        written = [(str(path.relative_to(folder)), path.stat().st_size) for path in images]
        contents = [pixels(path) for path in images]
        if group is Group.OUTPUT:
            return (written, contents, [sorted(read_chunks(path)) for path in images])
        jobs = [facts_of(job) for job in engine.jobs]
        messages = [type(event).__name__ for event in session.events]
        return (jobs, contents, len(written), messages, session.notices)


def lines_of(switch: Switch) -> tuple[str, str]:
    """Return a line without the switch, and the same line with it."""
    size = "" if switch.field in ("hires_fix", "width", "height", "fix", "outcrop") else "-W 64 -H 64"
    init = "-I sketch.png" if switch.needs is not Needs.NOTHING or switch.group is Group.MASK else ""
    mask = "-M mask.png" if switch.needs is Needs.MASK else ""
    words = ["a cat", "-s 4 -S 1", size, init, mask, OTHER_SWITCHES.get(switch.field, "")]
    typed = VALUES.get(switch.field) or switch.example or switch.flags[0]
    without = words[1:] if switch.field == "prompt" else words
    base = " ".join(filter(None, words))
    if switch.field == "prompt":
        return base, " ".join(filter(None, [*without, typed]))
    return base, base.replace(" | ", f" {typed} | ") if " | " in base else f"{base} {typed}"


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda row: row.field)
def test_a_switch_has_an_effect(switch: Switch, tmp_path: Path, tiny_model: Path) -> None:
    if switch.field in TESTED_ELSEWHERE:
        path = TESTED_ELSEWHERE[switch.field].rpartition(": ")[2]
        assert (ROOT / path).exists()
        return
    base, switched = lines_of(switch)
    before = effects(tmp_path / "without", tiny_model, base, switch.group)
    after = effects(tmp_path / "with", tiny_model, switched, switch.group)
    assert before != after, f"{switched} does just what {base} does"


def test_effects_of_the_same_line_are_equal(tmp_path: Path, tiny_model: Path) -> None:
    for group in (Group.BASIC, Group.OUTPUT):
        line = "a cat -s 4 -S 1 -W 64 -H 64 -I sketch.png"
        first, second = (effects(tmp_path / f"{group.value}{n}", tiny_model, line, group) for n in "ab")
        assert first == second


def test_exceptions_are_switches_of_the_table() -> None:
    assert {*TESTED_ELSEWHERE, *OTHER_SWITCHES, *VALUES} <= {switch.field for switch in SWITCHES}
