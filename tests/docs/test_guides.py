"""The examples of the guides run, in order, on a tiny model."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from tests.docs.pages import DOCS, GUIDES, blocks, prompt_lines, runnable, shell_commands
from tests.frontends.program import Program
from tests.sample_images import disc, drawing
from tests.session_harness import SessionHarness


def supply_images(folder: Path) -> None:
    """Write the images that the guides name."""
    for name in ("sketch.png", "photo.jpg", "portrait.png"):
        drawing().save(folder / name)
    disc(96, 64).save(folder / "mask.png")
    holed = drawing().convert("RGBA")
    holed.putalpha(Image.eval(disc(96, 64), lambda value: 255 - value))
    holed.save(folder / "holed.png")
    (folder / "photos").mkdir(exist_ok=True)
    for number in (1, 2):
        drawing().rotate(90 * number).resize((64, 64)).save(folder / "photos" / f"{number}.jpg")
    (folder / "lines.txt").write_text("# two lines\na cat -s4 -S1\na dog -s4 -S2\n", encoding="utf-8")


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_lines_at_the_prompt_run(real_session: SessionHarness, page: Path) -> None:
    supply_images(real_session.folder)
    for line in prompt_lines(page):
        assert real_session.run(line) is Outcome.OK, (line, real_session.errors)


@pytest.mark.parametrize("page", [page for page in GUIDES if shell_commands(page)], ids=lambda page: page.stem)
def test_shell_commands_run(program: Program, page: Path) -> None:
    supply_images(program.folder)
    for command in shell_commands(page):
        result = program(*shlex.split(command, comments=True))
        assert result.status == 0, (command, result.err)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_has_examples_that_run(page: Path) -> None:
    assert "invoke" in runnable(page)


def test_the_model_entry_is_valid(program: Program, tiny_model: Path) -> None:
    (entry,) = (body for language, body in blocks(DOCS / "guides" / "models.md") if language == "yaml")
    models = program.folder / "root" / "configs" / "models.yaml"
    paths = {"~/models/sd15": str(tiny_model), "~/models/vae-ft-mse": f"{tiny_model}/vae"}
    for path, replacement in paths.items():
        entry = entry.replace(path, replacement)
    models.write_text(entry, encoding="utf-8")
    result = program("a cat", "--dry_run")
    assert result.status == 0 and b"512" in result.out and b"sd15" in result.out


@pytest.mark.feature("library")
def test_the_python_examples_run(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    examples = [body for language, body in blocks(DOCS / "guides" / "scripting.md") if language == "python"]
    for code in examples:
        exec(compile(code, "scripting.md", "exec"), {})
    out = capsys.readouterr().out
    assert "step 4 of 8: (" in out
    assert "step 5 of 8" not in out and "\n[]\n" in out, "the callback stops it"
    assert "no such sampler: k_elur" in out and out.count(" outputs/") == 3, out
