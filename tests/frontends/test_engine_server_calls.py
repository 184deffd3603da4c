"""One-shot calls that use a running session's engine: the same results and streams, and none of its state."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine
from tests.fake_engine import FakeEngine
from tests.frontends.open_session import SessionOpener, program_settings, wait_until
from tests.frontends.program import Program
from tests.sample_images import drawing
from tests.session_harness import SessionHarness

# -- the same as without a session -------------------------------------------------------------------------------------


LINES = (
    "a cat -s3 -S1 -n2 -W 64 -H 64",
    "a cat -I sketch.png -f .6 -s4 -S3 --strip --save_latents --save_intermediates 2",
    "a {red|blue} fox -s3 -S4 -V 9:.3 --perlin .1",
    "a castle -s4 -S5 | oil painting -f .5 | (red)1.3 sky [rain] -f .3 -U2",
    "a hill -I sketch.png -c right 32 -s3 -S6 -A ddim",
    "a boat -I sketch.png -M mask.png -f 0 -S7",
    "-I outputs/000001.1.png -f .5,.4 -s4 -S8",
)


def generate_all(harness: SessionHarness, folder: Path) -> dict[str, bytes]:
    """Return all images and latents that the lines generate, by name."""
    os.chdir(folder)
    drawing().save("sketch.png")
    Image.new("L", (96, 64), 255).save("mask.png")
    for line in LINES:
        harness.draw(line)
    files = [path for path in sorted(Path("outputs").rglob("*")) if path.suffix in (".png", ".safetensors")]
    return {str(path): path.read_bytes() for path in files}


def test_results_through_the_server_equal_those_of_an_own_engine(
    tmp_path: Path, tiny_model: Path, real_engine: Engine, open_session: SessionOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invoke_cli import session as module
    from invoke_cli.context.context import Streams

    monkeypatch.chdir(tmp_path)
    for name in ("alone", "warm", "elsewhere"):
        (tmp_path / name).mkdir()
    alone = SessionHarness(tmp_path, tiny_model, lambda _: real_engine)
    expected = generate_all(alone, tmp_path / "alone")
    os.chdir(tmp_path / "elsewhere")
    options = SessionOptions(root=str(tmp_path / "root"))
    serving = open_session(real_engine, options)
    monkeypatch.setattr(module, "open_engine", _forbidden)
    warm = SessionHarness(tmp_path, tiny_model, _forbidden)
    warm.session = module.Session.with_shared_engine(Settings(options), emit=warm.events.append, streams=Streams())
    with warm.session:
        assert generate_all(warm, tmp_path / "warm") == expected
    assert len(expected) > 15 and not list((tmp_path / "elsewhere").iterdir())
    wait_until(lambda: serving.done == ["request"])
    assert not serving.events


def _forbidden(_: Any) -> Engine:
    raise AssertionError("another engine was opened")


def test_a_client_imports_no_torch_and_loads_no_weights(
    program: Program, real_engine: Engine, open_session: SessionOpener
) -> None:
    session = open_session(real_engine)
    session.session.load_in_background()
    assert session.session.context.engine.loaded()
    session.events.clear()
    code = "import sys\nfrom invoke_cli.cli import run\nstatus = run(['a cat', '-s8', '-S1'])\n"
    code += "print({'torch', 'diffusers', 'transformers', 'safetensors', 'scipy'} & set(sys.modules), status)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stdout.splitlines()[1:] == ["set() 0"], done.stderr
    assert done.stdout.startswith("[1] outputs/000001.1.png: a cat -s 8 -S 1") and "loading" not in done.stderr
    assert not session.loadings and len(program.images) == 1


def test_streams_json_and_trace_belong_to_the_client(
    program: Program, open_session: SessionOpener, sketch: Path
) -> None:
    plain = program("a cat -s2 -S1 --no_session")
    assert program.engine is not None
    program.engine = None
    open_session(FakeEngine(program_settings()))
    warm = program("a cat -s2 -S1")
    assert program.engine is None, "the session was not used"
    assert warm.lines == [plain.lines[0].replace("[1]", "[2]").replace("000001", "000002")]
    piped = program("a cat", "-I", "-", "-o", "-", "-s4", "-S1", stdin=sketch.read_bytes())
    assert piped.status == 0 and piped.out[:4] == b"\x89PNG" and program.engine is None
    events = program("a cat -s2 -S1", "--json").events
    assert [event["event"] for event in events] == ["start", "plan", "step", "step", "step", "image", "done"]
    assert "trace: encodes=0" in program("a cat -s2 -S1 --trace").err
    assert program("a cat -s0").status == 2 and program.engine is None


# -- defaults and settings --------------------------------------------------------------------------------------------


def test_defaults_are_the_client_s_and_not_the_session_s(program: Program, open_session: SessionOpener) -> None:
    session = open_session(FakeEngine(program_settings()))
    session.session.run("!set -s 3 -W 128")
    assert " -s 30 " in program("a cat -S1").lines[0]
    (program.folder / "root" / "configs" / "invoke.init").write_text("-s 7\n")
    assert " -s 7 " in program("a cat -S1").lines[0] and " -W 64 " in program("a cat -S1").lines[0]


def test_a_client_with_other_settings_opens_its_own_engine(program: Program, open_session: SessionOpener) -> None:
    open_session(FakeEngine(program_settings()))
    other = program.folder / "other" / "configs"
    shutil.copytree(program.folder / "root" / "configs", other)
    for words in (
        ["--device", "cpu"],
        ["--precision", "float32"],
        ["--root", "other"],
        ["--config", "other/configs/models.yaml"],
        ["--offline"],
        ["--no_session"],
    ):
        program.engine = None
        assert program("a cat -s2", *words).status == 0
        assert program.engine is not None, words
    program.engine = None
    assert program("a cat -s2").status == 0 and program.engine is None


def test_no_session_after_a_command_is_honoured(program: Program, open_session: SessionOpener) -> None:
    session = open_session(FakeEngine(program_settings()))
    assert program("!dream a cat -s2 --no_session").status == 0
    assert program.engine is not None and not session.done


def test_commands_and_errors_use_no_session(program: Program, open_session: SessionOpener) -> None:
    session = open_session(FakeEngine(program_settings()))
    assert program("!models").status == 0 and program("a cat --fitt").status == 2
    assert program("a cat -s5 --dry_run").status == 0
    assert not session.done
