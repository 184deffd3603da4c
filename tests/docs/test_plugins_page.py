"""The plug-ins of docs/plugins.md work: its code blocks are one package, used through the tables."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from invoke_cli import plugins as module
from invoke_cli.models.families.family import Family
from invoke_cli.plugins import GROUP, PluginKind, PluginRegistry
from tests.docs.pages import DOCS, blocks
from tests.session_harness import SessionHarness, pixels

PAGE = DOCS / "plugins.md"
CODE = "\n".join(body for language, body in blocks(PAGE) if language == "python")
TABLES = [tomllib.loads(body) for language, body in blocks(PAGE) if language == "toml"]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginRegistry]:
    """The registry as it is where the package of the page is installed."""
    (tmp_path / "invoke_extra.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = {name: value for table in TABLES for name, value in table["project"]["entry-points"][GROUP].items()}
    found = PluginRegistry(lambda: [EntryPoint(name=name, value=points[name], group=GROUP) for name in points])
    for user in list(sys.modules.values()):
        is_user = user is not None and user.__name__.startswith("invoke_cli.") and user is not module
        if is_user and callable(getattr(user, "plugins", None)):
            monkeypatch.setattr(user, "plugins", lambda: found)
    yield found
    sys.modules.pop("invoke_extra", None)


def test_the_page_shows_every_kind(registry: PluginRegistry) -> None:
    assert {plugin.kind for plugin in registry.installed()} == set(PluginKind)


def test_the_sampler_has_ten_lines() -> None:
    first = [body for language, body in blocks(PAGE) if language in ("python", "toml")][:2]
    lines = [line for line in "".join(first).splitlines() if line]
    assert len(lines) == 9 and re.search(r"^## A sampler in ten lines$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_sampler_and_the_postprocessor_generate(registry: PluginRegistry, real_session: SessionHarness) -> None:
    images = [real_session.draw(f"a cat -s4 -S1 -A {name}")[0] for name in ("ddim", "ddim_linspace")]
    images += real_session.draw("a cat -s4 -S1 -A ddim --post sharpen:3")
    assert len({pixels(image) for image in images}) == 3
    real_session.run(f"!verify {images[1]} {images[2]}")
    assert real_session.messages.count("identical") == 2
    real_session.run("a cat --post sharpen:very")
    assert real_session.errors == ["--post sharpen takes a number, such as 2, not very"]


def test_the_command_runs_its_lines(registry: PluginRegistry, fake_session: SessionHarness) -> None:
    fake_session.run("!twice a cat -s2 -S1")
    assert len(fake_session.saved) == 2


def test_the_format_is_read(registry: PluginRegistry, fake_session: SessionHarness) -> None:
    text = PngInfo()
    document = {"my_program": 1, "prompt": "a fox", "steps": 7, "seed": 3, "hue": 5}
    text.add_text("Comment", json.dumps(document))
    Image.new("RGB", (64, 64)).save("theirs.png", pnginfo=text)
    fake_session.run("!info theirs.png")
    assert "a fox" in fake_session.messages and "-S 3" in fake_session.messages and "hue" in fake_session.messages


def test_the_family_is_a_row(registry: PluginRegistry) -> None:
    family = registry.row(PluginKind.FAMILY, "tiny", Family)
    assert family is not None and family.can_generate
