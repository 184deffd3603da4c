"""Init images: references, formats, shapes, and every kind of bad file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.context import Streams
from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import EngineSettings
from invoke_cli.errors import ExitStatus
from invoke_cli.events import Failed
from tests.fake_engine import FakeEngine
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels, size


@pytest.mark.feature("init-path")
def test_all_spellings_of_a_path_are_equivalent(harness: SessionHarness, sketch: Path) -> None:
    spellings = ("-I sketch.png", "-Isketch.png", "-I=sketch.png", "--init_img sketch.png", "-I./sketch.png")
    result = {harness.draw(f"a cat -s2 -S1 {spelling}")[0].read_bytes() for spelling in spellings}
    assert len(result) == 1


@pytest.mark.feature("init-recall")
def test_references_to_an_image_are_equivalent_to_its_path(harness: SessionHarness) -> None:
    _, two = harness.draw("a cat -s2 -S1,2")
    (by_path,) = harness.draw(f"a dog -s2 -S3 -I outputs/{two.name}")
    (by_prefix,) = harness.draw(f"a dog -s2 -S3 -I {two.name[:8]}")
    (by_number,) = harness.draw("a dog -s2 -S3 -I !2")
    (by_distance,) = harness.draw("a dog -s2 -S3 -I @last4")
    images = [pixels(path) for path in (by_path, by_prefix, by_number, by_distance)]
    assert len(set(images)) == 1
    (other,) = harness.draw("a dog -s2 -S3 -I !1")
    assert pixels(other) != images[0]


@pytest.mark.feature("init-recall")
def test_the_error_of_an_ambiguous_prefix_lists_the_candidates(harness: SessionHarness) -> None:
    one, two = harness.draw("a cat -s2 -S1,2")
    assert harness.run("a dog -I 0000") is Outcome.FAILED
    assert one.name in harness.errors[0] and two.name in harness.errors[0]


def test_the_prompt_defaults_to_the_init_image_s(harness: SessionHarness) -> None:
    harness.draw("a red fox [grey] -s2")
    harness.draw("-s2 -I @last")
    assert harness.saved[0].line.startswith("a red fox [grey] ")
    drawing().save("plain.png")
    harness.draw("-s2 -I plain.png")
    assert harness.saved[0].line.startswith('"" ')


def test_a_used_image_is_kept_and_found_again_by_name(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a cat -s2 -S1 -I sketch.png")
    kept = list((harness.folder / "outputs" / ".invoke" / "inputs").iterdir())
    assert [path.read_bytes() for path in kept] == [sketch.read_bytes()]
    sketch.unlink()
    (again,) = harness.draw("a cat -s2 -S1 -I sketch.png")
    assert again.exists()


def test_an_image_on_standard_input(
    tmp_path: Path, tiny_model: Path, sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written: list[bytes] = []
    streams = Streams(read=sketch.read_bytes, write=written.append)
    harness = SessionHarness(tmp_path, tiny_model, FakeEngine, streams=streams)
    assert harness.run("a cat -s2 -I - -o -") is Outcome.OK, harness.errors
    assert written and written[0].startswith(b"\x89PNG")
    assert not list((tmp_path / "outputs").glob("*.png"))


@pytest.mark.feature("init-modes")
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_init_images_of_every_mode_can_be_used(harness: SessionHarness, mode: str) -> None:
    image = drawing()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    image.save("x.tif" if mode == "CMYK" else "x.png")
    assert harness.draw(f"a cat -s2 -I {'x.tif' if mode == 'CMYK' else 'x.png'}")


@pytest.mark.feature("source-enlarged")
def test_a_small_init_image_is_enlarged_with_a_notice(harness: SessionHarness) -> None:
    drawing(48, 32).save("small.png")
    harness.draw("a cat -s2 -I small.png")
    assert any("48x32" in text and "enlarged" in text for text in harness.notices)
    (fitted,) = harness.draw("a cat -s2 -I small.png -W 96 -H 96 --fit")
    assert size(fitted) == (96, 64)


@pytest.mark.feature("source-huge")
def test_the_error_of_an_image_too_large_for_memory_states_sizes(
    fake_session: SessionHarness, fake_engine: FakeEngine
) -> None:
    drawing(600, 400).save("large.png")
    fake_engine.free = 1_000_000
    assert fake_session.run("a cat -s2 -I large.png -W 6000 -H 4000") is Outcome.FAILED
    error = fake_session.of(Failed)[0].error
    assert "GB" in error.message and "--fit" in error.hint
    fake_engine.free = 10**12
    assert fake_session.draw("a cat -s2")


@pytest.mark.feature("upscale-img2img")
@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ("-W 64 -H 64 --fit", (64, 43)),
        ("-W 128 -H 128 --fit", (128, 80)),
        ("-W 128 -H 128 --pad", (128, 85)),
        ("-W 128 -H 128 --pad=white", (128, 85)),
        ("-W 128 -H 128 --crop", (128, 128)),
        ("-W 128 -H 128 --stretch", (128, 128)),
        ("-W 128", (128, 80)),
        ("-H 128", (192, 128)),
    ],
)
def test_size_switches_determine_the_result_s_size(
    harness: SessionHarness, sketch: Path, switches: str, expected: tuple[int, int]
) -> None:
    (path,) = harness.draw(f"a cat -s2 -I sketch.png {switches}")
    assert size(path) == expected


@pytest.mark.feature("aspect-notice")
def test_an_init_image_of_another_aspect_is_fitted_with_a_notice(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("a cat -s2 -I sketch.png -W 128 -H 128")
    assert size(path) == (128, 80)
    assert any("--crop, --pad and --stretch" in text for text in harness.notices)


@pytest.mark.feature("fit")
def test_fit_keeps_the_aspect_within_512_x_512(harness: SessionHarness) -> None:
    drawing(1500, 1000).save("big-sketch.png")
    (path,) = harness.draw("tree on a hill with a river, national geographic -I big-sketch.png -H512 -W512 --fit -s2")
    assert size(path) == (512, 336)


def bad_files(folder: Path) -> dict[str, str]:
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("not an image")
    drawing().save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:100])
    (folder / "pics").mkdir()
    os.mkfifo(folder / "pipe.png")
    return {
        "none.png": "no image", "empty.png": "empty", "text.png": "not an image", "cut.png": "damaged",
        "pics": "no images",
        "pipe.png": "regular file", "none*.png": "no images",
        "@last": "has no image @last", "!99": "has no image 99", "@last:4": "has no image @last",
        "~nobody/x.png": "no image",
        "x" * 5000: "no image",
    }  # fmt: skip


def test_each_bad_init_image_is_one_error_and_the_session_continues(harness: SessionHarness) -> None:
    for reference, message in bad_files(harness.folder).items():
        assert harness.run(f"a cat -s2 -I {reference}") is Outcome.FAILED, reference
        error = harness.of(Failed)[0].error
        assert message in error.message, (reference, error.message)
        assert error.hint and error.exit_status is ExitStatus.FAILED
        assert error.span is not None and error.line is not None
        assert error.line[error.span.start : error.span.end] == reference
    assert harness.draw("a cat -s2")


def test_the_engine_opens_with_the_device_of_invoke_init(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened: list[EngineSettings] = []

    def opener(settings: EngineSettings) -> FakeEngine:
        opened.append(settings)
        return FakeEngine(settings)

    harness = SessionHarness(tmp_path, tiny_model, opener)
    (tmp_path / "root" / "configs" / "invoke.init").write_text("--device cpu # here\n-s 3 -C 2\n")
    harness = SessionHarness(tmp_path, tiny_model, opener)
    harness.draw("a cat")
    assert "-s 3" in harness.saved[0].line and "-C 2" in harness.saved[0].line
    assert opened[-1].device == "cpu"


def test_the_echoed_line_names_the_referenced_image(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    harness.draw("oil -I -1 -s2 -S2")
    line = harness.saved[0].line
    assert "-I 000001.1.png" in line
    harness.draw("a dog -s2 -S3")
    (again,) = harness.draw(line)
    assert pixels(again) == pixels(harness.folder / "outputs" / "000002.2.png")


@pytest.mark.feature("input-folder")
def test_a_folder_or_pattern_gives_one_result_per_image(harness: SessionHarness) -> None:
    (harness.folder / "pics").mkdir()
    for name in ("p10.png", "p2.png", "p1.jpg"):
        drawing(64, 64).save(f"pics/{name}")
    (harness.folder / "pics" / "notes.txt").write_text("not a picture")
    for reference in ("pics", "'pics/*'", "pics/p*.[pj][pn]g"):
        result = harness.draw(f"oil -I {reference} -s4 -f .5 -n 2 --fnformat {{number}}.{{source}}.png")
        assert [path.stem.split(".")[1] for path in result] == ["p1", "p1", "p2", "p2", "p10", "p10"]
        assert len({saved.seed for saved in harness.saved}) == 2, "the same seeds for each"


def test_a_default_seed_applies_to_each_image_of_a_folder(harness: SessionHarness) -> None:
    (harness.folder / "pics").mkdir()
    for name in ("a.png", "b.png"):
        drawing(64, 64).save(f"pics/{name}")
    harness.run("!set -S 7")
    harness.draw("oil -I pics -s4 -f .5")
    assert [saved.seed for saved in harness.saved] == [7, 7]


def test_a_bad_image_in_a_folder_does_not_stop_the_others(harness: SessionHarness) -> None:
    (harness.folder / "pics").mkdir()
    drawing(64, 64).save("pics/a.png")
    (harness.folder / "pics" / "b.png").write_text("broken")
    drawing(64, 64).save("pics/c.png")
    assert harness.run("oil -I pics -s2") is Outcome.FAILED
    assert len(harness.saved) == 2 and "b.png" in harness.errors[0] and "1 of 3" in harness.errors[-1]
    assert harness.run("oil -I 'nothing*.png'") is Outcome.FAILED and "no images" in harness.errors[0]


def test_last_is_the_newest_result_of_any_folder(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    (elsewhere,) = harness.draw("a dog -s2 -S2 -o other")
    assert elsewhere.name == "000001.2.png"
    (by_reference,) = harness.draw("oil -s4 -S3 -f .5 -I @last")
    line = harness.saved[0].line
    assert "-I other/000001.2.png" in line
    (by_path,) = harness.draw("oil -s4 -S3 -f .5 -I other/000001.2.png")
    assert pixels(by_reference) == pixels(by_path) == pixels(harness.draw(line)[0])
    harness.draw("a mask -s2 -S4 -o other")
    (masked,) = harness.draw("oil -s4 -S3 -f .5 -I 000001.2.png -M @last")
    line = harness.saved[0].line
    assert "-M other/000002.4.png" in line and pixels(masked) == pixels(harness.draw(line)[0])
    harness.draw("a bird -s2 -S 9 -o other")
    harness.draw("a fish -s2 -S -1")
    assert harness.saved[0].seed == 9
    harness.draw("a bird -s2 -S 10 -o other")
    assert harness.run("!fetch @last") is Outcome.OK and "-S 10" in harness.prefills[0]


def test_formats_that_run_programs_are_not_opened(harness: SessionHarness) -> None:
    (harness.folder / "x.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert harness.run("a cat -I x.eps") is Outcome.FAILED
    assert "not an image of a known format" in harness.errors[0]


def test_results_of_several_images_are_named_after_their_sources(harness: SessionHarness, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("photo10.png", "photo2.jpg", "b.v1.webp"):
        drawing(64, 64).save(tmp_path / "photos" / name)
    names = [path.name for path in harness.draw("oil -I photos -s2 -S7 -f .5 | ink -f .5")]
    assert names == ["000001.b.v1.7.png", "000002.photo2.7.png", "000003.photo10.7.png"]
    assert [path.name for path in harness.draw("oil -I photos/photo*.* -s2 -S7 -n2")] == [
        "000004.photo2.7.png", "000005.photo2.1390851128.png", "000006.photo10.7.png",
        "000007.photo10.1390851128.png",
    ]  # fmt: skip
    assert harness.run("!verify 3 6") is Outcome.OK and harness.messages.count("identical") == 2, harness.messages
    (alone,) = harness.draw("oil -I photos/photo1*.png -s2 -S7")
    assert alone.name == "000008.7.png", "one image needs no other name"
    chosen = harness.draw("oil -I photos -s2 -S7 --fnformat {number}.png")
    assert [path.name for path in chosen] == ["9.png", "10.png", "11.png"]
    private = harness.draw("oil -I photos -s2 -S7 --private")
    assert [path.name for path in private] == ["000012.7.png", "000013.7.png", "000014.7.png"]
    assert "--fnformat" not in harness.saved[0].line
