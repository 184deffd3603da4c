"""The words that a model knows: read from its folder or entry, found in prompts, and the nearest ones suggested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.context.paths import PACKAGE
from invoke_cli.models.files.words import WORDS_FILE, Vocabulary, read_vocabulary
from invoke_cli.models.registry import read_models
from tests.session_harness import SessionHarness
from training.earlier.words import model_words

SKETCHBOOK = PACKAGE / "assets" / "sketchbook"


def _unknown(vocabulary: Vocabulary, prompt: str) -> list[str]:
    found = list(vocabulary.unknown(prompt))
    assert all(prompt[slice(*span)] == word for word, span in found)
    return [word for word, _ in found]


@pytest.mark.feature("known-words")
def test_the_bundled_model_declares_the_words_of_its_captions() -> None:
    assert json.loads((SKETCHBOOK / WORDS_FILE).read_text(encoding="utf-8")) == model_words()
    vocabulary = read_vocabulary(SKETCHBOOK)
    assert vocabulary is not None
    assert _unknown(vocabulary, "a spaceship over a green hill") == ["spaceship"]
    assert _unknown(vocabulary, "an astronaut's dog, highly detailed, beautiful Skyscraper at night") == [
        "astronaut's",
        "dog",
    ]
    assert vocabulary.nearest("spaceship") == ["ship"] and vocabulary.nearest("montain")[0] == "mountain"
    for prompt in ("two red cats and a tree++ on a hill", "(moonlit)1.2", "the cat's houses, 8k", "", "1 2 3 -- ++"):
        assert _unknown(vocabulary, prompt) == (["moonlit"] if "moonlit" in prompt else []), prompt


@pytest.mark.feature("known-words")
def test_operators_names_and_negative_words_are_not_words_of_the_prompt() -> None:
    vocabulary = Vocabulary(known=frozenset({"cat", "dog"}))
    for prompt in (
        '("a cat","a dog").blend(.3,.7,no_normalize)',
        "a cat.swap(dog, t_start=.2)",
        "a (cat).attend(1.3) and dog.attend(.5)",
        "a cat <dragon-style> withLora(dragon,0.8) <lora:dragon:1>",
        "a cat [dragon, blurry]",
        "{cat|dog} {__beasts__}",
    ):
        assert _unknown(vocabulary, prompt) == [], prompt
    assert _unknown(vocabulary, "{cat|dragon} and wolves") == ["dragon", "wolves"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"known": 5}',
        b'{"known": [1, null, "a b", "<x>"]}',
        b"\xff\xfe",
        b" " * 2_000_000,
    ],
)
def test_a_damaged_file_declares_no_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / WORDS_FILE).write_bytes(content)
    assert read_vocabulary(tmp_path) is None
    found = read_vocabulary(tmp_path, ("Castle",))
    assert found is not None and found.known == {"castle"}


def test_an_entry_declares_words() -> None:
    (spec,) = read_models("castles:\n  path: x\n  words: [castle, moat]\n", "models.yaml")
    assert spec.words == ("castle", "moat")


@pytest.mark.feature("known-words")
def test_a_line_gives_one_notice_on_unknown_words(fake_session: SessionHarness) -> None:
    configs = fake_session.folder / "root" / "configs" / "models.yaml"
    configs.write_text(configs.read_text(encoding="utf-8") + "  words: castle, moat, ship\n", encoding="utf-8")
    fake_session.draw("a castle and a spaceship -s2 | a castel with dragons -f .5")
    (notice,) = [text for text in fake_session.notices if "does not know" in text]
    assert notice.startswith("tiny does not know spaceship (nearest: ship), castel (nearest: castle), dragons;")
    fake_session.draw("a castle with moats -s2")
    assert not any("does not know" in text for text in fake_session.notices)


def test_models_without_words_give_no_notice(fake_session: SessionHarness) -> None:
    assert fake_session.run("a spaceship -s2") is Outcome.OK
    assert not any("does not know" in text for text in fake_session.notices)
