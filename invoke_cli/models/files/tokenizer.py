"""Load a model's tokenizer from its files, to count tokens while a line is typed.

Supports `tokenizer.json`, and CLIP's two files in older folders; other tokenizers are not counted.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.input_files import ASSET, MODEL_CONFIG, read_input, read_input_text
from invoke_cli.models.files.folder import ModelFacts

CLIP_VOCABULARY = Path(__file__).parent.parent.parent / "assets" / "clip" / "merges.txt.gz"
CLIP_MERGES = 49152 - 256 - 2

# CLIP's words: contractions, letters, single digits, other characters; from OpenAI's simple_tokenizer.py.
_CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

# Maps a text to the (start, end) of each token, in characters.
ReadTokens = Callable[[str], Sequence[tuple[int, int]]]


def token_reader(facts: ModelFacts) -> ReadTokens | None:
    """Return the tokenizer for a model's prompts; None if unsupported. Too slow to call before the first prompt."""
    try:
        tokenizer = _tokenizer(facts)
    except (OSError, ValueError, KeyError):
        return None  # loading the model reports damaged files
    if tokenizer is None:
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).offsets


def _tokenizer(facts: ModelFacts) -> Any:
    from tokenizers import Tokenizer

    folder = facts.base or facts.folder
    found = [path for path in sorted(folder.glob("tokenizer*")) if path.is_dir()]
    if not found:
        return _clip_tokenizer(*_published_vocabulary()) if facts.family.denoiser == "unet" else None
    last = found[-1]  # the one with the longest window, as when generating
    if (last / "tokenizer.json").is_file():
        text = read_input_text(last / "tokenizer.json", MODEL_CONFIG)
        parse_json(text)  # raises ValueError; the library below raises Exception
        return Tokenizer.from_str(text)
    if not (last / "merges.txt").is_file() or facts.family.denoiser != "unet":
        return None
    vocabulary = parse_json(read_input_text(last / "vocab.json", MODEL_CONFIG))
    return _clip_tokenizer(vocabulary, _parse_merges(read_input_text(last / "merges.txt", MODEL_CONFIG)))


def _published_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return OpenAI's vocabulary and merges: 256 bytes, the same at the end of a word, and their merges."""
    from tokenizers.pre_tokenizers import ByteLevel

    published = gzip.decompress(read_input(CLIP_VOCABULARY, ASSET)).decode("utf-8")
    merges = _parse_merges(published)[:CLIP_MERGES]
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    return {word: index for index, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}, merges


def _parse_merges(text: str) -> list[tuple[str, str]]:
    """Parse the merges of a file, whose first line is its version."""
    words = (line.split() for line in text.split("\n")[1:])
    return [(pair[0], pair[1]) for pair in words if len(pair) == 2]


def _clip_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", unk_token="<|endoftext|>")
    )
    one_blank = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), one_blank, normalizers.Lowercase()])
    words = pre_tokenizers.Split(Regex(_CLIP_WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer
