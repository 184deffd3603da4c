"""The tokenizer: byte pair encoding learned from the captions, in CLIP's format.

The vocabulary contains all 256 bytes, alone and at the end of a word, so any prompt in any script can be encoded.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from training.rendering.mixes import WIDE
from training.rendering.random_scenes import draw_scene
from training.text.captions import nonempty_caption
from training.text.vocabulary import EVERYDAY

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
CAPTIONS, LEAST_COUNT, MOST_MERGES = 12000, 3, 900
Pair = tuple[str, str]


def build_tokenizer(folder: Path, seed: int, captions: int = CAPTIONS) -> CLIPTokenizer:
    """Learn the merges from `captions` captions generated with the seed, write CLIP's files, and load the tokenizer."""
    return write_tokenizer(folder, learn_merges(_word_counts(seed, captions), MOST_MERGES))


def write_tokenizer(folder: Path, merges: list[Pair]) -> CLIPTokenizer:
    """Write CLIP's files for a vocabulary of all bytes and the merges, and load the tokenizer."""
    letters = list(bytes_to_unicode().values())
    symbols = [*letters, *(letter + WORD_END for letter in letters), *("".join(pair) for pair in merges), START, END]
    vocabulary = {symbol: number for number, symbol in enumerate(dict.fromkeys(symbols))}
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, **special)
    tokenizer.save_pretrained(folder)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    return load_tokenizer(folder)


def stored_tokenizer(folder: Path, seed: int) -> CLIPTokenizer:
    """Load the tokenizer of a work folder; it is built only if missing, since trained networks depend on it."""
    return load_tokenizer(folder) if (folder / "vocab.json").exists() else build_tokenizer(folder, seed)


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """Load the tokenizer of a folder."""
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def learn_merges(counts: dict[str, int], most: int) -> list[Pair]:
    """Return the most frequent pairs, merged one after the other (Sennrich et al. 2016); ties in alphabetical order."""
    words = {(*word[:-1], word[-1] + WORD_END): count for word, count in counts.items()}
    merges: list[Pair] = []
    while len(merges) < most:
        pairs: Counter[Pair] = Counter()
        for symbols, count in words.items():
            for pair in pairwise(symbols):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < LEAST_COUNT:
            break
        merges.append(best)
        words = {_joined(symbols, best): count for symbols, count in words.items()}
    return merges


def _joined(symbols: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    joined: list[str] = []
    for symbol in symbols:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return tuple(joined)


def _word_counts(seed: int, captions: int) -> dict[str, int]:
    counts: Counter[str] = Counter(EVERYDAY.split() * LEAST_COUNT)
    rng = np.random.default_rng((seed, 77))
    for _ in range(captions):
        text = nonempty_caption(draw_scene(rng, WIDE), rng).lower()
        counts.update(word for word in text.replace(",", " ").replace("-", " ").split() if word.isalpha())
    return dict(counts)
