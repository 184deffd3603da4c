"""Metadata containers: PNG chunks, EXIF in every encoding, XMP, comments, and stealth text in the lowest bits."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.imaging.open_image import open_bytes
from invoke_cli.imaging.png_chunks import SIGNATURE
from invoke_cli.metadata import codecs
from invoke_cli.metadata.containers.comment_encoding import comment_text
from invoke_cli.metadata.containers.exif import read_exif
from invoke_cli.metadata.containers.stealth import stealth_text
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.containers.xmp import KEYWORD as XMP
from invoke_cli.metadata.containers.xmp_properties import read_xmp, source_type
from tests import image_files
from tests.image_files import USER_COMMENT

WORDS = "a café in 東京 🙂\nNegative prompt: łódź\nSteps: 20, Sampler: Euler, Seed: 5, Size: 64x96"
LATIN = "a cafe\nSteps: 20, Sampler: Euler, Seed: 5, Size: 64x96"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + WORDS.encode("utf-16-be"),
        b"UNICODE\0" + WORDS.encode("utf-16-le"),
        b"UNICODE\0" + WORDS.encode("utf-16"),
        b"UNICODE\0" + WORDS.encode(),
        b"ASCII\0\0\0" + WORDS.encode(),
        b"\0" * 8 + WORDS.encode(),
        WORDS.encode(),
    ],
)
def test_user_comments_in_every_encoding_and_position(comment: bytes, inner: bool, order: str) -> None:
    tags = {0x0131: b"A program\0", USER_COMMENT: comment}
    block = image_files.exif({0x0131: tags[0x0131]}, inner={USER_COMMENT: comment}, order=order)
    block = block if inner else image_files.exif(tags, order=order)
    expected = {"EXIF:UserComment": WORDS, "EXIF:Software": "A program"}
    assert read_exif(block) == expected
    assert parse_chunks(image_files.jpeg(exif_block=block)) == expected
    assert parse_chunks(image_files.webp(exif_block=block)) == expected
    assert parse_chunks(image_files.png(image_files.chunk(b"eXIf", block))) == expected


def test_user_comments_without_latin_letters_and_in_latin_1() -> None:
    assert comment_text(b"UNICODE\0" + "漢字仮名交じり文".encode("utf-16-be")) == "漢字仮名交じり文"
    assert comment_text(b"ASCII\0\0\0caf\xe9 noir") == "café noir"
    assert comment_text(b"") == ""


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_exif_written_by_pillow_is_read(tmp_path: Path, kind: str) -> None:
    block = Image.Exif()
    block[USER_COMMENT] = image_files.unicode_comment(WORDS)
    block.get_ifd(0x8769)[0x927C] = b"a1111"
    path = tmp_path / f"picture.{kind.lower()}"
    Image.new("RGB", (64, 96), "red").save(path, kind, exif=block)
    assert parse_chunks(path.read_bytes())["EXIF:UserComment"] == WORDS
    recalled = codecs.recall(path)
    assert recalled.request.num_inference_steps == 20
    assert recalled.request.negative_prompt == "łódź"


def test_comments_of_jpeg_and_gif_files_are_read() -> None:
    assert parse_chunks(image_files.jpeg(comment=b"parameters\0" + LATIN.encode() + b"\0")) == {
        "comment": "parameters\0" + LATIN
    }
    assert parse_chunks(image_files.gif(LATIN.encode() * 9)) == {"comment": LATIN * 9}
    for data in (image_files.jpeg(comment=b"parameters\0" + LATIN.encode()), image_files.gif(LATIN.encode())):
        recalled = codecs.decode(parse_chunks(data))
        assert recalled is not None and recalled.request.seeds == (5,)


def test_a_truncated_file_gives_only_complete_texts() -> None:
    whole = image_files.jpeg(exif_block=image_files.exif({USER_COMMENT: LATIN.encode()}))
    assert parse_chunks(whole[:-24])["EXIF:UserComment"] == LATIN
    assert parse_chunks(whole[:-30]) == {}, "half a text could give a wrong seed"


def test_xmp_is_read_from_attributes_elements_and_lists() -> None:
    packet = (
        '<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Draw Things"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia">'
        '<exif:UserComment xmlns:exif="http://ns.adobe.com/exif/1.0/"><rdf:Alt><rdf:li xml:lang="x-default">'
        "a &lt;b&gt; &amp; c</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    )
    for data in (image_files.png_of({XMP: packet}), image_files.jpeg(xmp=packet), image_files.webp(xmp=packet)):
        found = read_xmp(parse_chunks(data))
        assert found["exif:UserComment"] == "a <b> & c"
        assert found["xmp:CreatorTool"] == "Draw Things"
        assert source_type(parse_chunks(data)) == "algorithmicMedia"


@pytest.mark.parametrize(
    "packet",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "<a>" * 200_000,
        "<a><b></a>",
        "",
        "no xml at all",
    ],
)
def test_invalid_and_expanding_xmp_packets_are_ignored(packet: str) -> None:
    assert read_xmp({XMP: packet}) == {}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("colours", [True, False])
def test_stealth_text_is_read_from_the_lowest_bits(tmp_path: Path, packed: bool, colours: bool) -> None:
    data = image_files.stealth(WORDS, packed=packed, colours=colours)
    assert stealth_text(open_bytes(data, "x.png")) == {"parameters": WORDS}
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image)
    column = pixels[:, 0, :3].reshape(-1) if colours else pixels[:, 0, 3]
    assert np.packbits(column[:64] & 1).tobytes() == b"stealth_"
    (tmp_path / "hidden.png").write_bytes(data)
    assert codecs.recall(tmp_path / "hidden.png").request.num_inference_steps == 20


def test_stealth_text_is_read_from_lossless_webp(tmp_path: Path) -> None:
    path = tmp_path / "hidden.webp"
    with Image.open(io.BytesIO(image_files.stealth(WORDS))) as image:
        image.save(path, lossless=True, exact=True)
    assert codecs.recall(path).request.seeds == (5,)


def test_truncated_and_oversized_stealth_text_is_ignored() -> None:
    data = image_files.stealth("x" * 5000, packed=False, side=32)
    assert stealth_text(open_bytes(data, "x.png")) == {}
    bomb = image_files.stealth("a" * 20_000_000, side=512)
    assert stealth_text(open_bytes(bomb, "x.png")) == {}


def test_many_small_decompression_bombs_are_limited_together() -> None:
    body = zlib.compress(b"a" * 3_900_000)
    data = image_files.png(*(image_files.chunk(b"zTXt", b"key%d\0\0" % index + body) for index in range(50)))
    assert sum(map(len, parse_chunks(data).values())) < 20_000_000


def test_an_image_with_huge_text_chunks_opens() -> None:
    bomb = zlib.compress(b"a" * 3_000_000)
    for large in (
        image_files.chunk(b"zTXt", b"parameters\0\0" + bomb),
        image_files.chunk(b"iTXt", b"parameters\0\1\0\0\0" + bomb),
        image_files.text("parameters", "a" * 70_000_000),
    ):
        for data in (image_files.png(large), image_files.png(after=large)):
            opened = open_bytes(data, "large.png")
            assert opened.size == (image_files.WIDTH, image_files.HEIGHT)
            assert opened.data == data


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of these chunks and nothing else."""
    return SIGNATURE + b"".join(image_files.chunk(kind, body) for kind, body in chunks)


def test_text_chunks_of_every_kind_are_read_before_and_after_the_pixels() -> None:
    data = png(
        (b"IHDR", b"\0" * 13),
        (b"tEXt", b"Dream\0caf\xe9"),
        (b"IDAT", b"\0\0"),
        (b"zTXt", b"parameters\0\0" + zlib.compress(b"a cat")),
        (b"iTXt", b"Title\0\0\0\0\0" + "漢字".encode()),
        (b"iTXt", b"Zipped\0\1\0\0\0" + zlib.compress("żółw".encode())),
        (b"tEXt", "Utf\0naïve".encode()),
        (b"IEND", b""),
    )
    found = parse_chunks(data)
    assert found == {"Dream": "café", "parameters": "a cat", "Title": "漢字", "Zipped": "żółw", "Utf": "naïve"}


def test_decompression_bombs_are_ignored() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000)
    assert parse_chunks(png((b"zTXt", b"Dream\0\0" + bomb), (b"iTXt", b"A\0\1\0\0\0" + bomb))) == {}
