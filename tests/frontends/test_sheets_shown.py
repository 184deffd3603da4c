"""Images composed of others are displayed in the terminal as results are."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context.context import Streams
from invoke_cli.events import Message
from tests.fake_engine import FakeEngine
from tests.session_harness import SessionHarness


class _Viewer:
    """A viewer of a terminal that shows images unless --preview is off."""

    def shows(self, kind: str) -> bool:
        return kind != "off"

    def wants(self, kind: str) -> bool:
        return False


@pytest.fixture
def session(
    tmp_path: Path, tiny_model: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> SessionHarness:
    monkeypatch.chdir(tmp_path)
    return SessionHarness(tmp_path, tiny_model, lambda _: fake_engine, streams=Streams(viewer=_Viewer()))


@pytest.mark.feature("sheets-shown")
@pytest.mark.parametrize(
    "line",
    [
        "a cat -n 2 -s2 -g",
        "!grid 1 2",
        "!contact 1 2",
        "!compare 1 2",
        "!plot strength -s 10",
        "!sweep a cat -s 2,3 -S 1",
        "!ladder oil -I sketch.png -s 10 -S 1",
    ],
)
def test_a_sheet_is_displayed_and_reported(session: SessionHarness, sketch: Path, line: str) -> None:
    assert sketch.exists()
    session.draw("a cat -s2 -n 2 -S 1")
    session.run(line)
    (message,) = (each for each in session.of(Message) if each.picture is not None)
    assert message.picture is not None and message.picture.width > 64
    assert message.text.startswith("[") and "outputs/0000" in message.text and ".png: !" in message.text
    session.run("!set --preview off")
    session.run(line)
    assert not session.errors and all(each.picture is None for each in session.of(Message))
