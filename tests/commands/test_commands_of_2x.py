"""What commands of InvokeAI 2.x did, and what people expect of them: errors in place, trigger words, removed models."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy
import pytest
from PIL import Image
from safetensors.numpy import save_file

from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import InvokeError
from invoke_cli.events import Failed, Prefill
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl import loop
from invoke_cli.request import GenerationRequest
from tests.frontends.program import Program, keys
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, size


def pointed(error: InvokeError) -> str:
    """Return the part of the line that an error points at."""
    assert error.line is not None and error.span is not None, error
    return error.line[slice(*error.span)]


@pytest.mark.feature("commands-2x")
@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("!mask -I pic.png", "-I"),
        ("!fix -U 2 pic.png", "-U"),
        ("!fix pic.png a castle -U2", "a castle"),
        ("!mask pic.png the sky -tm sky", "the sky"),
        ("!fix pic.png -U 2 --upscaler nowhere", "nowhere"),
        ("  !fix pic.png -U2 | a dog -f .5 -A nosuch", "nosuch"),
        ("!fix nowhere.png -U2", ""),
        ('!fix pic.png -c top 64 --new_prompt "a (tree <lora:none:1>"', '"a (tree <lora:none:1>"'),
    ],
)
def test_errors_show_the_command_as_typed(fake_session: SessionHarness, line: str, part: str) -> None:
    drawing(64, 48).save("pic.png")
    assert fake_session.run(line) is not Outcome.OK
    error = fake_session.of(Failed)[0].error
    assert error.line == line, error.line
    if part:
        assert pointed(error) == part


@pytest.mark.feature("commands-2x")
@pytest.mark.parametrize("image", ["-I pic.png", "-Ipic.png", "--init_img=pic.png", '-I "a pic.png"', "pic.png"])
def test_the_image_of_mask_and_fix_may_follow_its_switch(fake_session: SessionHarness, image: str) -> None:
    drawing(64, 48).save("pic.png")
    drawing(64, 48).save("a pic.png")
    Image.new("L", (64, 48), 255).save("mask.png")
    assert fake_session.run(f"!mask {image} -M mask.png") is Outcome.OK, fake_session.errors
    (path,) = fake_session.draw(f"!fix {image} -c top 64 -s2")
    assert size(path) == (64, 112)
    assert fake_session.run(f"!fix {image} -c top") is not Outcome.OK
    assert pointed(fake_session.of(Failed)[0].error) == "top"


@pytest.mark.feature("lines-2x")
def test_out_direction_extends_the_image_with_a_notice(fake_session: SessionHarness) -> None:
    drawing(64, 48).save("pic.png")
    for line in ("!fix pic.png -D top 64 -s2", "a cat -I pic.png --out_direction top 64 -s2", "a -I pic.png -Dtop 64"):
        (path,) = fake_session.draw(line)
        assert size(path) == (64, 112) and "-c top 64" in fake_session.saved[0].line
        assert [text for text in fake_session.notices if text.startswith("-D means -c here")], line
    fake_session.draw("!fix pic.png -c top 64 -s2 -S1 -S2")
    assert not any("-D means" in text for text in fake_session.notices)
    assert any("set twice" in text for text in fake_session.notices)


@pytest.mark.feature("commands-2x")
def test_trigger_words_of_embeddings_are_listed(fake_session: SessionHarness) -> None:
    folder = fake_session.folder / "root" / "embeddings"
    folder.mkdir()
    vectors = {"emb_params": numpy.zeros((1, 8), numpy.float32)}
    save_file(vectors, folder / "marble.safetensors", metadata={"trigger": "old-stone"})
    (folder / "broken.safetensors").write_bytes(b"\xff" * 20)
    assert fake_session.run("!triggers") is Outcome.OK and "marble: <marble>, <old-stone>" in fake_session.messages
    assert fake_session.run("!triggers marble") is Outcome.OK


@pytest.mark.feature("commands-2x")
def test_removing_the_model_in_use_falls_back_to_the_default(fake_session: SessionHarness, tiny_model: Path) -> None:
    second = fake_session.folder / "second"
    shutil.copytree(tiny_model, second)
    for line in (f"!import_model {second}", "!switch second", "!del_model second"):
        assert fake_session.run(line) is Outcome.OK, fake_session.errors
    assert fake_session.notices[-1] == "lines without -m now use tiny"
    fake_session.draw("a cat -s2")


@pytest.mark.feature("typed-lines")
def test_lines_that_generated_nothing_are_found_and_recalled(fake_session: SessionHarness) -> None:
    lines = TypedLines(fake_session.session.context.folder().history.path)
    lines.remember("a harbour -A nosuch", "!models", "50% off")
    assert fake_session.run("!typed") is Outcome.OK
    assert "(1) a harbour -A nosuch\n(2) !models" in fake_session.messages
    assert fake_session.run("!search harbour") is Outcome.OK
    assert fake_session.notices[-1] == "one typed line contains these words: !typed harbour"
    assert fake_session.run("!typed 1") is Outcome.OK
    assert fake_session.of(Prefill)[-1].line == "a harbour -A nosuch"
    assert fake_session.run("!typed 99") is Outcome.FAILED
    fake_session.run("!typed 5%")
    assert "no typed lines contain 5%" in fake_session.messages


@pytest.mark.feature("last-model")
def test_the_prompt_begins_with_the_model_of_the_last_switch(program: Program, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, "second")
    kept = program.folder / "root" / ".last_model"
    assert program("!import_model second").status == 0

    def model_of(*lines: str, options: dict[str, str | bool] | None = None) -> str:
        with keys() as (pipe, _):
            pipe.send_text("".join(f"{line}\n" for line in (*lines, "a cat -s2 -S1", "q")))
            loop.open_prompt(options or {}, GenerationRequest())
        return str(program.images[-1].read_bytes().split(b"model_id")[1][:16])

    program(stdin=b"!switch second\n")
    assert not kept.exists() and "tiny" in model_of()
    assert "second" in model_of("!switch second") and kept.read_text() == "second\n"
    assert "second" in model_of() and "tiny" in model_of(options={"no_last_model": True})
    program("a cat -s2 -S1")
    assert b"tiny" in program.images[-1].read_bytes()
    kept.write_bytes(b"\xff\x00" * 9999)
    assert "tiny" in model_of()
