"""Plug-ins are found without importing them, and a broken one costs a warning."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from invoke_cli import plugins as module
from invoke_cli.models.samplers import Sampler, all_samplers, find_sampler, sampler_names
from invoke_cli.plugins import GROUP, PluginKind, PluginRegistry
from tests.session_harness import SessionHarness

EXAMPLE = Path(__file__).parent.parent / "plugin_example"


def points(*pairs: tuple[str, str]) -> list[EntryPoint]:
    return [EntryPoint(name=name, value=value, group=GROUP) for name, value in pairs]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginRegistry]:
    """The registry with the example package installed."""
    rows = {"sampler.ddim_half": "DDIM_HALF", "command.shout": "SHOUT", "postprocessor.invert": "INVERT"}
    monkeypatch.syspath_prepend(str(EXAMPLE))
    registry = PluginRegistry(lambda: points(*((name, f"invoke_example.rows:{row}") for name, row in rows.items())))
    for user in list(sys.modules.values()):
        is_user = user is not None and user.__name__.startswith("invoke_cli.") and user is not module
        if is_user and callable(getattr(user, "plugins", None)):
            monkeypatch.setattr(user, "plugins", lambda: registry)
    yield registry
    for name in [name for name in sys.modules if name.startswith("invoke_example")]:
        del sys.modules[name]


def test_plugin_names_are_known_without_an_import(example: PluginRegistry) -> None:
    assert "ddim_half" in sampler_names()
    assert "invoke_example.rows" not in sys.modules
    assert find_sampler("ddim").name == "ddim" and "invoke_example.rows" not in sys.modules
    assert find_sampler("ddim_half").label == "DDIM half"
    assert "invoke_example.rows" in sys.modules and all_samplers()[-1].name == "ddim_half"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("sampler.gone", "no_such_module:ROW", "ModuleNotFoundError"),
        ("sampler.wrong", "os:path", "not a Sampler named wrong"),
        ("sampler.broken", "this_module_is_broken:ROW", "ZeroDivisionError"),
        ("sampler", "os:path", "must begin with one of"),
        ("colour.red", "os:path", "must begin with one of"),
    ],
)
def test_a_broken_plugin_is_one_warning_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    (tmp_path / "this_module_is_broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = PluginRegistry(lambda: points((name, value)))
    assert registry.rows(PluginKind.SAMPLER, Sampler) == ()
    (text,) = registry.new_failures()
    assert name in text and reason in text
    assert registry.rows(PluginKind.SAMPLER, Sampler) == () and registry.new_failures() == ()


def test_a_broken_plugin_does_not_stop_a_line(fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = PluginRegistry(lambda: points(("sampler.gone", "no_such_module:ROW")))
    monkeypatch.setattr("invoke_cli.models.samplers.plugins", lambda: registry)
    monkeypatch.setattr("invoke_cli.context.context.plugins", lambda: registry)
    fake_session.run("a cat -s2 -A gone")
    assert fake_session.errors[0].startswith("no such sampler: gone")
    assert sum("no_such_module" in text for text in fake_session.notices) == 1
    assert fake_session.draw("a cat -s2") and not any("no_such_module" in text for text in fake_session.notices)


@pytest.mark.feature("post-plugins")
def test_a_plugin_s_command_and_postprocessor_work(example: PluginRegistry, fake_session: SessionHarness) -> None:
    fake_session.run("!shout hello")
    assert fake_session.messages == "HELLO"
    fake_session.run("!plugins")
    assert "command shout" in fake_session.messages and "print text in capitals" in fake_session.messages
    (plain,) = fake_session.draw("a cat -s2 -S 1")
    (inverted,) = fake_session.draw("a cat -s2 -S 1 --post invert:0.25")
    assert plain.read_bytes() != inverted.read_bytes()
    assert "--post invert:0.25" in fake_session.saved[0].line
    fake_session.run(f"!verify {inverted}")
    assert "identical" in fake_session.messages
    fake_session.run("a cat -s2 --post invert:7")
    assert fake_session.errors == ["--post invert takes an amount from 0 to 1, not 7"]
    fake_session.run("a cat -s2 --post blur")
    assert fake_session.errors == ["no such postprocessor: blur"]
