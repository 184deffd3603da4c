"""Comments in any language and either byte order, whatever their header claims."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_cli.metadata import codecs
from invoke_cli.metadata.containers.comment_encoding import comment_text
from tests import image_files
from tests.image_files import USER_COMMENT

TEXTS = {
    "Chinese": "黄昏时分的古老寺庙，石阶上落满枫叶" * 25,
    "Russian": "закат над морем, старый город",
    "emoji": "🐱🌇 cat 🎉",
    "Korean": "바다 위의 일몰",
    "Arabic": "غروب الشمس على البحر",
    "Hindi": "समुद्र पर सूर्यास्त",
    "Thai": "พระอาทิตย์ตก",
    "French": "un café à l’été",
    "English": "a cat",
}
HEADERS = (b"UNICODE\0", b"Unicode\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0" * 8, b"")
SETTINGS = "\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 12, Size: 512x512"


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_comment_is_decoded_whatever_its_header_claims(language: str, encoding: str) -> None:
    for header, tail, end in itertools.product(HEADERS, ("", SETTINGS), (b"", b"\0\0")):
        text = TEXTS[language] + tail
        assert comment_text(header + text.encode(encoding) + end) == text


@pytest.mark.parametrize("language", ["Chinese", "Russian", "emoji"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_the_settings_of_a_jpeg_are_recalled(tmp_path: Path, language: str, encoding: str) -> None:
    comment = b"UNICODE\0" + (TEXTS[language] + SETTINGS).encode(encoding)
    path = tmp_path / "theirs.jpg"
    path.write_bytes(image_files.jpeg(exif_block=image_files.exif({USER_COMMENT: comment})))
    request = codecs.recall(path).request
    assert (request.prompt, request.seeds) == (TEXTS[language], (12,))


@given(st.binary(max_size=300))
def test_any_bytes_give_some_text(data: bytes) -> None:
    assert isinstance(comment_text(data), str)
