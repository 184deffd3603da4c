"""Results: names, sheets, intermediates, latents, logs, metadata, and what must never go wrong with files."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.language.query import Query
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import file_name, prompt_folder
from invoke_cli.workshop.outcome import Outcome
from tests.house import House, pixels, size


def outputs(house: House) -> Path:
    return house.folder / "outputs"


def test_four_chunks_stand_in_every_picture(house: House) -> None:
    (path,) = house.draw("a cat [dog] -s2 -S1")
    with Image.open(path) as image:
        image.load()
        text = dict(image.text)  # type: ignore[attr-defined]
    assert list(text)[:3] == ["Dream", "sd-metadata", "parameters"]
    assert "XML:com.adobe.xmp" in text
    assert text["Dream"] == house.saved[0].line == "a cat [dog] -s 2 -S 1 -W 64 -H 64 -C 7.5 -A k_lms -m tiny"
    assert text["parameters"].startswith("a cat\nNegative prompt: dog\nSteps: 2, ")
    document = json.loads(text["sd-metadata"])
    assert document["image"]["type"] == "txt2img" and document["image"]["prompt"] == [
        {"prompt": "a cat [dog]", "weight": 1.0}
    ]


def test_l3_numbers_go_on_and_nothing_is_overwritten(house: House) -> None:
    house.draw("a cat -s2 -S1")
    assert house.draw("a cat -s2 -S1")[0].name == "000002.1.png"
    (outputs(house) / ".invoke" / "next_number").unlink()
    house.session.workshop._folders.clear()
    assert house.draw("a cat -s2 -S1")[0].name == "000003.1.png"


def test_numbers_never_collide_between_sessions(tmp_path: Path) -> None:
    def take(_: int) -> list[int]:
        folder = OutputFolder(tmp_path)
        numbers = []
        for _ in range(10):
            with folder.numbered() as number:
                numbers.append(number)
        return numbers

    with ThreadPoolExecutor(4) as pool:
        taken = [number for numbers in pool.map(take, range(4)) for number in numbers]
    assert sorted(taken) == list(range(1, 41))


def test_an_old_folder_of_invokeai_is_continued(house: House) -> None:
    outputs(house).mkdir()
    Image.new("RGB", (8, 8)).save(outputs(house) / "000041.5.png")
    assert house.draw("a cat -s2 -S1")[0].name == "000042.1.png"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{prefix}.{seed}.{prompt:5}.png", "000001.7.a cat.png"),
        ("{prompt}", "a cat.png"),
        ("{number:03d}-{strength}-{steps}", "001-1.0-2.png"),
        ("{model}/{seed}.png", "tiny/7.png"),
    ],
)
def test_l2_names_from_templates(house: House, template: str, name: str) -> None:
    (path,) = house.draw(f'"a cat" -s2 -S7 --fnformat "{template}"')
    assert path.relative_to(outputs(house)).as_posix() == name


def test_l2_equal_names_do_not_collide(house: House) -> None:
    paths = house.draw('a cat -s2 -n3 --fnformat "{prompt}"')
    assert len(set(paths)) == 3 and all(path.exists() for path in paths)


def test_l2_names_are_safe_everywhere() -> None:
    fields: dict[str, object] = {"prompt": 'a/b\\c:d*e?f"g<h>i|j..', "seed": 1}
    assert file_name("{prompt}.png", fields) == "a_b_c_d_e_f_g_h_i_j.png"
    assert file_name("../../{seed}", fields) == "1.png"
    assert file_name("CON.png", fields) == "_CON.png"
    assert len(file_name("{prompt}", {"prompt": "漢" * 500}).encode()) < 255
    assert prompt_folder("x" * 900) == "x" * 200


@pytest.mark.parametrize("template", ["{nothing}", "{seed", "{0}", "{seed.__class__}", "{}"])
def test_a_bad_template_is_told_before_the_work(fake_house: House, template: str) -> None:
    assert fake_house.run(f'a cat --fnformat "{template}"') is Outcome.FAILED
    assert "--fnformat" in fake_house.errors[0]
    assert fake_house.saved == [] and not outputs(fake_house).exists()


def test_prompt_as_dir(house: House) -> None:
    (path,) = house.draw("a cat: sitting -s2 -S1 -p")
    assert path.relative_to(outputs(house)).as_posix() == "a cat_ sitting/000001.1.png"


def test_another_folder_and_a_named_file(house: House) -> None:
    assert house.draw("a cat -s2 -S1 -o elsewhere")[0] == house.folder / "elsewhere" / "000001.1.png"
    (named,) = house.draw("a cat -s2 -S1 -o cat.png")
    assert named == house.folder / "cat.png"
    before = named.read_bytes()
    first, second = house.draw("a dog -s2 -S1 -n2 -o cat.png")
    assert (first.name, second.name) == ("cat.png", "cat-2.png")
    assert any("was replaced" in text for text in house.notices)
    assert before in [path.read_bytes() for path in (outputs(house) / ".invoke" / "trash").iterdir()]


def test_home_and_variables_are_filled_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICTURES", str(house.folder / "pics"))
    assert house.draw("a cat -s2 -S1 -o $PICTURES")[0].parent == house.folder / "pics"


@pytest.mark.parametrize(
    ("outdir", "said"), [("cat.jpg", "PNG files"), ("/proc/nowhere", "cannot be written"), ("-", "no standard output")]
)
def test_output_that_cannot_be_is_told_before_the_work(fake_house: House, outdir: str, said: str) -> None:
    assert fake_house.run(f"a cat -o {outdir}") is Outcome.FAILED
    assert said in fake_house.errors[0]


def test_k1_a_strip_has_a_frame_for_the_start_and_for_each_step(house: House, sketch: Path) -> None:
    (path,) = house.draw("fire -s10 -S5 -f.7 -I sketch.png --strip")
    strip = path.with_name("000001.5.steps.png")
    width = size(strip)[0]
    frame = (width - 4) // 9 - 4
    assert width == 9 * (frame + 4) + 4, "8 frames and the result"


def test_k2_intermediates(house: House) -> None:
    (path,) = house.draw("a cat -s5 -S5 --save_intermediates")
    inner = outputs(house) / "intermediates" / path.stem
    assert sorted(p.name for p in inner.iterdir()) == [f"step-{index:02d}.png" for index in range(6)]
    (other,) = house.draw("a cat -s5 -S5 --save_intermediates 2")
    assert sorted(p.name for p in (outputs(house) / "intermediates" / other.stem).iterdir()) == [
        f"step-{index:02d}.png" for index in (0, 2, 4, 5)
    ]


def test_a_grid_keeps_the_single_images(house: House) -> None:
    paths = house.draw("a cat -s2 -n4 -g")
    assert all(path.exists() for path in paths)
    (grid,) = outputs(house).glob("*.grid.png")
    assert grid.name == "000005.grid.png"
    assert size(grid) == (128, 128)


def test_logs_for_people_and_scripts(house: House) -> None:
    first, second = house.draw("a cat -s2 -n2")
    log = (outputs(house) / "invoke_log.txt").read_text().splitlines()
    assert log == [f"outputs/{event.path.split('/')[-1]}: {event.line}" for event in house.saved]
    assert first.name in (outputs(house) / "invoke_log.md").read_text()
    assert second.name in (outputs(house) / "invoke_log.md").read_text()


def test_private_pictures_leave_no_words_behind(house: House, sketch: Path) -> None:
    (path,) = house.draw("my secret [hidden] -s2 -I sketch.png --private")
    everything = b"".join(p.read_bytes() for p in house.folder.rglob("*") if p.is_file() and "outputs" in p.parts)
    for word in (b"secret", b"hidden", b"sketch", str(house.folder).encode(), os.environ.get("HOME", "/root").encode()):
        assert word not in everything
    house.run("!history")
    assert "secret" not in house.messages
    assert house.run(f"!verify {path}") is Outcome.FAILED
    assert any("--private" in text for text in house.notices)


def test_no_metadata_writes_none(house: House) -> None:
    (path,) = house.draw("a cat -s2 --no_metadata")
    with Image.open(path) as image:
        image.load()
        assert image.text == {}  # type: ignore[attr-defined]


def test_compression_changes_the_file_and_not_the_pixels(house: House) -> None:
    small, large = house.draw("a cat -s2 -S1 -z 9")[0], house.draw("a cat -s2 -S1 -z 0")[0]
    assert large.stat().st_size > small.stat().st_size
    assert pixels(small) == pixels(large)


def test_no_part_of_a_file_is_left_behind(house: House) -> None:
    house.draw("a cat -s2 -n3 --strip --save_intermediates")
    assert not list(house.folder.rglob("*.part"))


def test_law_9_images_that_a_killed_session_did_not_enter_are_entered(house: House) -> None:
    paths = house.draw("a cat -s2 -n3")
    with OutputFolder(outputs(house)).history.opened() as database:
        database.execute("DELETE FROM images WHERE number > 1")
    log = outputs(house) / "invoke_log.txt"
    log.write_text(log.read_text().splitlines()[0] + "\n")
    house.session.workshop._folders.clear()
    house.run("!history")
    assert all(path.name in house.messages for path in paths)
    assert all(path.name in log.read_text() for path in paths)
    assert any("interrupted session" in text for text in house.notices)


def test_a_disk_that_refuses_fails_the_line_and_not_the_session(
    fake_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert fake_house.run("a cat -s2") is Outcome.FAILED
    assert "No space left" in fake_house.errors[0]
    assert not list(outputs(fake_house).glob("*.png"))
    assert fake_house.draw("a cat -s2")


def test_steps_that_cannot_be_written_cost_no_picture(fake_house: House) -> None:
    outputs(fake_house).mkdir()
    (outputs(fake_house) / "intermediates").write_text("in the way")
    assert fake_house.run("a cat -s2 -S1 --save_intermediates") is Outcome.FAILED
    assert fake_house.saved[0].path.endswith("000001.1.png") and "intermediates" in fake_house.errors[0]


def test_steps_of_a_chain_in_a_named_file_lie_by_its_own_number(fake_house: House) -> None:
    fake_house.draw("a cat -s2 -S1")
    fake_house.draw("a cat -s2 -S7 -o named.png --save_all --save_intermediates | oil -f 1 -s2 | snow -f 1 -s2")
    assert [path.name for path in (outputs(fake_house) / "intermediates").iterdir()] == ["000002.7"]


def test_a_damaged_history_is_told_with_its_remedy(fake_house: House) -> None:
    fake_house.draw("a cat -s2")
    (outputs(fake_house) / ".invoke" / "history.sqlite3").write_bytes(b"rubbish" * 1000)
    assert fake_house.run("!history") is Outcome.FAILED
    assert "history" in fake_house.errors[0]


def test_history_finds_words_whatever_their_case(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    for number, line in enumerate(["A Red fox -s 5", "a red_hat 100% -s 5", "blue"], start=1):
        folder.history.add(Entry(number=number, path=f"{number}.png", line=line, seed=number, created=""))
    assert [entry.number for entry in folder.history.find(Query(words=("RED",)), 10)] == [1, 2]
    assert [entry.number for entry in folder.history.find(Query(words=("red", "fox")), 10)] == [1]
    assert [entry.number for entry in folder.history.find(Query(words=("100%",)), 10)] == [2]
    assert [entry.number for entry in folder.history.find(Query(words=("d_h",)), 10)] == [2]
    assert [entry.number for entry in folder.history.recent(2)] == [2, 3]


def test_a_replaced_file_keeps_its_number(house: House) -> None:
    house.draw("a cat -s2 -S1 -o out.png")
    house.draw("a dog -s2 -S2 -o out.png")
    first, second = (house.session.workshop.folder().history.get(number) for number in (1, 2))
    assert first is not None and second is not None and first.path != second.path
    house.draw("oil -I !1 -s2 -S3 -f .5 -o other.png")
    house.run("!rm 1")
    assert (house.folder / "out.png").is_file()


@pytest.mark.parametrize("switches", ["-p", "--fnformat {seed}.png", "-o named.png", ""])
def test_law_9_every_finished_image_is_entered(house: House, switches: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from invoke_cli.output.history import History

    with monkeypatch.context() as patch:
        patch.setattr(History, "add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            house.run(f"a cat -s2 -S1 {switches}")
    house.session.workshop._folders.clear()
    entry = house.session.workshop.folder().history.last()
    assert entry is not None and entry.line.startswith("a cat")
    assert house.session.workshop.folder().history.begun() == {}


def test_an_image_that_never_appeared_is_given_up(house: House) -> None:
    house.draw("a cat -s2 -S1")
    house.session.workshop.folder().history.begin(2, "000002.5.png")
    house.session.workshop._folders.clear()
    assert house.session.workshop.folder().history.numbers() == {1}
    house.draw("a cat -s2 -S2")


@pytest.mark.parametrize("damage", [b"garbage", b"SQLite format 3\x00" + b"x" * 500])
def test_a_damaged_history_is_set_aside_and_rebuilt(house: House, damage: bytes) -> None:
    house.draw("a cat -s2 -S1")
    database = outputs(house) / ".invoke" / "history.sqlite3"
    database.write_bytes(damage)
    for part in ("-wal", "-shm"):
        database.with_name(database.name + part).unlink(missing_ok=True)
    house.session.workshop._folders.clear()
    house.draw("a dog -s2 -S2")
    assert house.saved[0].number == 2
    house.run("!history")
    assert "a cat" in house.messages and "a dog" in house.messages
    assert database.with_name("damaged-history.sqlite3").exists()


def test_the_steps_of_files_of_one_name_do_not_mix(house: House) -> None:
    house.draw("a cat -s3 -S1 -o a/pic.png --save_intermediates")
    house.draw("a cat -s2 -S2 -o b/pic.png")
    assert house.saved[0].extras == ()
    house.run("!rm 2")
    assert len(list((outputs(house) / "intermediates" / "000001.1").glob("*.png"))) == 4


def test_formats_that_may_start_programs_are_not_opened(house: House) -> None:
    (house.folder / "x.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert house.run("a cat -I x.eps") is Outcome.FAILED
    assert "not an image of a known format" in house.errors[0]
