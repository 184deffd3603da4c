"""Captions describe the scene in many ways, and the tokenizer trained on them encodes all text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.rendering.mixes import WIDE
from training.rendering.random_scenes import draw_scene, hearth, landscape, scattered, single
from training.rendering.scene import KINDS
from training.text.captions import caption, nonempty_caption
from training.text.labels import ATTRIBUTES, class_counts, labels
from training.text.phrases import say_objects, single_words
from training.text.tokenizer import build_tokenizer, learn_merges
from training.text.vocabulary import COLOUR_WORDS, FIRE_WORDS, KIND_WORDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_caption_names_the_object_and_its_colour(kind: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        scene = single(rng, "plain", (kind,))
        text = nonempty_caption(scene, rng).lower()
        assert any(word in text for word in KIND_WORDS[kind])
        assert kind == "fire" or any(word in text for word in COLOUR_WORDS[scene.items[0].colour])


def test_one_caption_in_ten_is_empty() -> None:
    rng = np.random.default_rng(4)
    empty = sum(caption(draw_scene(rng, WIDE), rng) == "" for _ in range(2000))
    assert 150 < empty < 250


def test_some_captions_are_a_single_word() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        view = landscape(rng, "plain")
        words = single_words(view)
        assert ("snow" in words) == (view.season == "winter") and ("trees" in words) == (view.trees > 1)
    assert {caption(view, rng) for _ in range(400)} >= set(words)


def test_a_scene_has_many_captions() -> None:
    rng = np.random.default_rng(6)
    view = landscape(rng, "oil")
    assert len({nonempty_caption(view, rng) for _ in range(40)}) > 30


def test_captions_of_scattered_objects_contain_no_position() -> None:
    rng = np.random.default_rng(8)
    scenes = [scattered(rng, single(rng, "plain", ("star",))) for _ in range(300)]
    captions = " ".join(say_objects(scene, rng) for scene in scenes)
    assert not re.search(r"\b(left|right|top|bottom|upper|lower|middle|cent\w+|corner)\b", captions)
    placed = " ".join(say_objects(replace(scene, unplaced=False), rng) for scene in scenes)
    assert all(word in placed for word in ("left", "right", "top", "bottom"))


def test_fires_are_called_fire_and_fireplace() -> None:
    rng = np.random.default_rng(7)
    texts = " ".join(nonempty_caption(hearth(rng, "plain"), rng) for _ in range(60)).lower()
    assert "fireplace" in texts and "campfire" in texts
    assert any("fire" in words for words in FIRE_WORDS["fireplace"])


def test_labels_fit_their_classes() -> None:
    rng = np.random.default_rng(9)
    counts = class_counts()
    for _ in range(200):
        found = labels(draw_scene(rng, WIDE))
        assert len(found) == len(ATTRIBUTES)
        assert all(0 <= label < count for label, count in zip(found, counts, strict=True))


def test_merges_join_frequent_neighbours_first() -> None:
    assert learn_merges({"low": 5, "lot": 4}, most=2) == [("l", "o"), ("lo", "w</w>")]


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    build_tokenizer(folder, seed=0, captions=600)
    return folder


def test_the_tokenizer_encodes_every_script_and_pads_with_its_end_token(tokenizer_folder: Path) -> None:
    from training.text.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(tokenizer_folder)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id == len(tokenizer) - 1
    for text in ("a red circle", "fireplace, 4k", "Käse und Brot", "火", "C++ (it's)"):
        ids = tokenizer(text).input_ids
        assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
        assert tokenizer.unk_token_id not in ids[1:-1]
    assert len(tokenizer("a red circle").input_ids) == 5


def test_the_tokenizer_is_saved_in_old_and_new_formats(tokenizer_folder: Path) -> None:
    names = {file.name for file in tokenizer_folder.iterdir()}
    assert {"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"} <= names
