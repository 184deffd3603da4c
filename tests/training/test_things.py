"""The table of things: its size, names, grammar; the packages and what is done with damaged ones."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from tests.training.synthetic_pictures import write_package
from training.evaluation.prompts import first_tried
from training.pictures.packages import EMOJIBASE, PACKAGES, DamagedPackageError, Package, unpack
from training.pictures.sprites import Sprites, code_of
from training.pictures.things import by_code, by_name, plural_of, things
from training.pictures.vector_looks import svg_bodies


def tarball(name: str, content: bytes) -> bytes:
    """Return a gzipped tar archive with one file."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, BytesIO(content))
    return buffer.getvalue()


def package_of(data: bytes) -> Package:
    """Return a package whose hash is that of the data."""
    return replace(EMOJIBASE, sha512=base64.b64encode(hashlib.sha512(data).digest()).decode())


def test_there_are_750_things_and_no_two_share_a_name_or_a_picture() -> None:
    names = [name for thing in things() for name in thing.names]
    assert len(things()) >= 750 and len(by_code()) == len(things())
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["smiling face", "stop sign", "thumbs up", "flag", "twelve o’clock", "full moon face"])
def test_faces_signs_hands_flags_and_clock_faces_are_no_things(name: str) -> None:
    assert name not in by_name()


@pytest.mark.parametrize(
    ("said", "usual"),
    [
        ("spaceship", "rocket"),
        ("coffee", "cup of coffee"),
        ("automobile", "car"),
        ("flying saucer", "ufo"),
        ("mage", "wizard"),
        ("pumpkin", "jack-o-lantern"),
        ("t-rex", "dinosaur"),
        ("bunny", "rabbit"),
    ],
)
def test_what_people_say_is_a_name_of_the_thing(said: str, usual: str) -> None:
    assert by_name()[said] is by_name()[usual]


def test_two_hundred_things_are_tried_first() -> None:
    assert len({thing.code for thing in first_tried()}) >= 200


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        ("cat", "cats"),
        ("fox", "foxes"),
        ("butterfly", "butterflies"),
        ("monkey", "monkeys"),
        ("mouse", "mice"),
        ("computer mouse", "computer mice"),
        ("slice of pizza", "slices of pizza"),
        ("cup with a straw", "cups with a straw"),
        ("kitchen knife", "kitchen knives"),
        ("maple leaf", "maple leaves"),
    ],
)
def test_plurals(name: str, plural: str) -> None:
    assert plural_of(name) == plural


def test_pictures_are_found_by_code_points_without_variation_selectors(tmp_path: Path) -> None:
    write_package(tmp_path, ["1f441-fe0f"])
    assert code_of("1F441-FE0F") == "1f441"
    assert Sprites(tmp_path).sprite("1f441", "3d").mode == "RGBA"


def test_a_folder_without_pictures_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m training fetch"):
        Sprites(tmp_path)


def test_a_look_without_pictures_names_the_remedy(tmp_path: Path) -> None:
    write_package(tmp_path, ["1f408"])
    with pytest.raises(FileNotFoundError, match="rasterize"):
        Sprites(tmp_path).sprite("1f408", "flat")


def test_packages_are_named_by_version_and_come_from_the_configured_registry() -> None:
    addresses = [package.url("http://mirror.example/npm/") for package in PACKAGES]
    assert addresses[0] == "http://mirror.example/npm/@lobehub/fluent-emoji-3d/-/fluent-emoji-3d-1.1.0.tgz"
    assert all(package.version in package.folder for package in PACKAGES)


def test_a_package_is_unpacked_into_its_folder(tmp_path: Path) -> None:
    data = tarball("package/README.md", b"hello")
    package = package_of(data)
    unpack(package, data, tmp_path)
    assert (tmp_path / package.folder / "package" / "README.md").read_bytes() == b"hello"


def test_a_package_with_another_hash_is_not_unpacked(tmp_path: Path) -> None:
    data = tarball("package/README.md", b"hello")
    with pytest.raises(DamagedPackageError, match="SHA-512"):
        unpack(EMOJIBASE, data, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "package/../../outside.txt"])
def test_a_package_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    data = tarball(name, b"x")
    package = package_of(data)
    folder = tmp_path / "inner"
    with contextlib.suppress(tarfile.FilterError):
        unpack(package, data, folder)
    outside = [path for path in tmp_path.rglob("outside.txt") if folder not in path.parents]
    assert outside == [] and not Path("/outside.txt").exists()


def test_vector_pictures_follow_aliases(tmp_path: Path) -> None:
    icons = {"icons": {"cat": {"body": "<path/>"}}, "aliases": {"kitty": {"parent": "cat"}}, "width": 32, "height": 32}
    (tmp_path / "icons.json").write_text(json.dumps(icons))
    (tmp_path / "chars.json").write_text(json.dumps({"1f408": "cat", "1f431-fe0f": "kitty", "1f436": "missing"}))
    bodies = svg_bodies(tmp_path)
    assert set(bodies) == {"1f408", "1f431"} and 'viewBox="0 0 32 32"' in bodies["1f431"]
