"""Names of results: numbers, templates, folders, named files, and the files beside them."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.console.event_text import result_text
from invoke_cli.context.outcome import Outcome
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import file_name, prompt_folder
from tests.frontends.program import Program
from tests.session_harness import SessionHarness, outputs


@pytest.mark.feature("name-default")
def test_numbers_continue_and_nothing_is_overwritten(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    assert harness.draw("a cat -s2 -S1")[0].name == "000002.1.png"
    (outputs(harness) / ".invoke" / "next_number").unlink()
    harness.session.context._folders.clear()
    assert harness.draw("a cat -s2 -S1")[0].name == "000003.1.png"


def test_numbers_never_collide_between_sessions(tmp_path: Path) -> None:
    def take(_: int) -> list[int]:
        folder = OutputFolder(tmp_path)
        numbers = []
        for _ in range(10):
            with folder.reserve_number() as number:
                numbers.append(number)
        return numbers

    with ThreadPoolExecutor(4) as pool:
        taken = [number for numbers in pool.map(take, range(4)) for number in numbers]
    assert sorted(taken) == list(range(1, 41))


def test_an_old_folder_of_invokeai_is_continued(harness: SessionHarness) -> None:
    outputs(harness).mkdir()
    Image.new("RGB", (8, 8)).save(outputs(harness) / "000041.5.png")
    assert harness.draw("a cat -s2 -S1")[0].name == "000042.1.png"


@pytest.mark.feature("name-template")
@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{prefix}.{seed}.{prompt:5}.png", "000001.7.a cat.png"),
        ("{prompt}", "a cat.png"),
        ("{number:03d}-{strength}-{steps}", "001-1.0-2.png"),
        ("{model}/{seed}.png", "tiny/7.png"),
    ],
)
def test_names_are_made_from_templates(harness: SessionHarness, template: str, name: str) -> None:
    (path,) = harness.draw(f'"a cat" -s2 -S7 --fnformat "{template}"')
    assert path.relative_to(outputs(harness)).as_posix() == name


@pytest.mark.feature("name-template")
def test_equal_names_do_not_collide(harness: SessionHarness) -> None:
    paths = harness.draw('a cat -s2 -n3 --fnformat "{prompt}"')
    assert len(set(paths)) == 3 and all(path.exists() for path in paths)


def test_names_are_safe_on_all_file_systems() -> None:
    fields: dict[str, object] = {"prompt": 'a/b\\c:d*e?f"g<h>i|j..', "seed": 1}
    assert file_name("{prompt}.png", fields) == "a_b_c_d_e_f_g_h_i_j.png"
    assert file_name("./a/{seed}", fields) == "a/1.png"
    assert file_name("{up}/{seed}", {"up": "..", "seed": 1}) == "_/1.png"
    assert file_name("CON.png", fields) == "_CON.png"
    assert len(file_name("{prompt}", {"prompt": "漢" * 500}).encode()) < 255
    assert prompt_folder("x" * 900) == "x" * 200


@pytest.mark.parametrize("template",
    [
        "{nothing}", "{seed", "{0}", "{seed.__class__}", "{}", "../../x", "a/../../x", "..\\x", "/tmp/x", "C:\\x",
        "~/x",
    ],
)  # fmt: skip
def test_a_bad_template_is_an_error_before_generation(fake_session: SessionHarness, template: str) -> None:
    assert fake_session.run(f'a cat --fnformat "{template}"') is Outcome.FAILED
    assert "--fnformat" in fake_session.errors[0]
    assert fake_session.saved == [] and not outputs(fake_session).exists()


def test_prompt_as_dir_uses_the_prompt_as_folder(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat: sitting -s2 -S1 -p")
    assert path.relative_to(outputs(harness)).as_posix() == "a cat_ sitting/000001.1.png"


def test_results_go_to_another_folder_or_a_named_file(harness: SessionHarness) -> None:
    assert harness.draw("a cat -s2 -S1 -o elsewhere")[0] == harness.folder / "elsewhere" / "000001.1.png"
    (named,) = harness.draw("a cat -s2 -S1 -o cat.png")
    assert named == harness.folder / "cat.png"
    before = named.read_bytes()
    assert harness.draw("a dog -s2 -S1 -o cat.png") == [named] and named.read_bytes() != before
    assert "replaced cat.png" in harness.notices


NAMING_LINES = (
    "a cat -s2 -S1 -o {}",
    "oil -I sketch.png -s2 -S1 -f .5 -o {}",
    "a cat -s2 -S1 -f .6,.4 -I sketch.png -o {}",
    "a cat -s2 -S1 | oil -f .5 -o {}",
    "!fix sketch.png -U2 -o {}",
)


@pytest.mark.feature("named-file")
@pytest.mark.parametrize("line", NAMING_LINES)
@pytest.mark.parametrize("name", ["cat.png", "new/cat.jpg"])
def test_a_named_file_is_all_that_is_written(harness: SessionHarness, sketch: Path, line: str, name: str) -> None:
    before = all_files(harness)
    assert harness.draw(line.format(name)) == [harness.folder / name]
    assert all_files(harness) - before == {harness.folder / name}
    harness.draw("a cat -s2 -S1")
    contents = {path: path.read_bytes() for path in all_files(harness) - {harness.folder / name}}
    harness.draw(line.format(name))
    assert {path: path.read_bytes() for path in contents} == contents, "an existing history is left alone, too"


def all_files(harness: SessionHarness) -> set[Path]:
    """Return all files below the folder of a session, without the program's own settings."""
    found = {path for path in harness.folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.is_relative_to(harness.folder / "root")}


@pytest.mark.feature("named-file")
@pytest.mark.parametrize(
    "line",
    [
        "a cat -n 2 -o cat.png",
        "a cat -S 1..3 -o cat.png",
        "a cat -n 2 -v .1 -o cat.webp",
        "a {red|blue} cat -o cat.png",
        "oil -I in -o cat.png",
    ],
)
def test_a_named_file_takes_one_image(fake_session: SessionHarness, sketch: Path, line: str) -> None:
    (fake_session.folder / "in").mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(sketch, fake_session.folder / "in" / name)
    before = all_files(fake_session)
    assert fake_session.run(line) is Outcome.FAILED
    assert "is the name of one image, but this line generates" in fake_session.errors[0]
    assert all_files(fake_session) == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that nobody can write to")
def test_a_named_file_can_be_written_from_a_read_only_folder(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc/self")
    result = program("a cat", "-s2", "-S1", "-o", str(program.folder / "cat.png"))
    assert result.status == 0, result.err
    assert result.lines == [f"[-] {program.folder / 'cat.png'}: a cat -s 2 -S 1 -W 64 -H 64 -C 7.5 -A k_lms -m tiny"]
    assert program("a cat", "-s2", "-o", "/proc/self/cat.png").status == 1
    assert program.engine is not None and program.engine.jobs == []


def test_the_last_result_may_be_a_named_file(harness: SessionHarness) -> None:
    (numbered,) = harness.draw("a cat -s2 -S1")
    (first,) = harness.draw("a dog -s2 -S2 -o dog.png")
    harness.draw("a fox -s2 -S3 -o fox.png")
    for reference, name in (("@last", "fox.png"), ("-2", "dog.png"), ("@last3", numbered.name)):
        harness.draw(f"oil -I {reference} -s2 -S9 -f .5 -o oil.png")
        assert f"-I {name}" in harness.saved[0].line
        harness.session.context.folder().unlisted.pop()
    harness.draw("a bird -s2 -S -1 -o bird.png")
    assert harness.saved[0].seed == 3
    for line in ("!tag @last good", "!rm last"):
        assert harness.run(line) is Outcome.FAILED and "is in no history" in harness.errors[0]
    assert harness.run("!info @last") is Outcome.OK and "bird.png" in harness.messages
    (later,) = harness.draw("a cow -s2 -S4")
    harness.draw("oil -I @last -s2 -S9 -f .5")
    assert f"-I {later.name}" in harness.saved[0].line and first.exists()


def test_the_line_of_a_named_file_can_be_pasted(harness: SessionHarness) -> None:
    (named,) = harness.draw("a cat -s2 -S1 -o cat.png")
    (pasted,) = harness.draw(result_text(harness.saved[0]))
    assert pasted.read_bytes() == named.read_bytes() and pasted.parent == outputs(harness)


def test_environment_variables_in_the_folder_are_expanded(
    harness: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICTURES", str(harness.folder / "pics"))
    assert harness.draw("a cat -s2 -S1 -o $PICTURES")[0].parent == harness.folder / "pics"


@pytest.mark.parametrize(
    ("outdir", "message"),
    [("cat.gif", "PNG, JPEG or WebP files"), ("/proc/nowhere", "cannot write"), ("-", "only for one-shot calls")],
)
def test_impossible_output_is_an_error_before_generation(
    fake_session: SessionHarness, outdir: str, message: str
) -> None:
    assert fake_session.run(f"a cat -o {outdir}") is Outcome.FAILED
    assert message in fake_session.errors[0]


def test_what_is_requested_with_a_named_file_is_beside_it(fake_session: SessionHarness) -> None:
    chain = "--save_all --save_intermediates --strip | oil -f 1 -s2 | snow -f 1 -s2"
    fake_session.draw(f"a cat -s2 -S7 -o sub/named.png {chain}")
    folder = fake_session.folder / "sub"
    files = {path.relative_to(folder).as_posix() for path in all_files(fake_session)}
    beside = {"named.png", "named.steps.png", "named.stage-1.png", "named.stage-2.png"}
    steps = {f"intermediates/named/stage-{stage}/step-0{step}.png" for stage in (1, 2, 3) for step in (0, 1, 2)}
    assert files == beside | steps
    fake_session.draw("a cat -s1 -S7 -o sub/named.png --save_intermediates")
    remaining = sorted(path.name for path in (folder / "intermediates").rglob("*.png"))
    assert remaining == ["step-00.png", "step-01.png"], "the steps of two runs do not mix"


def test_intermediates_of_files_of_one_name_do_not_mix(harness: SessionHarness) -> None:
    harness.draw("a cat -s3 -S1 -o a/pic.png --save_intermediates")
    harness.draw("a cat -s2 -S2 -o b/pic.png")
    assert harness.saved[0].extras == ()
    assert len(list((harness.folder / "a" / "intermediates" / "pic").glob("*.png"))) == 4


LINE_NAMES = "--fnformat {line}.{letter}.png"


@pytest.mark.feature("name-of-line")
def test_the_images_of_a_line_are_named_as_a_group(harness: SessionHarness) -> None:
    first = harness.draw(f"a cat -s2 -S1 -n3 {LINE_NAMES}")
    second = harness.draw("a dog -s2 -S1 -n2 -v .1 --fnformat {line}.{index}.{letter}.png")
    third = harness.draw(f"a {{red|blue}} cat -s2 -S1 {LINE_NAMES} -o elsewhere")
    fourth = harness.draw(f"a cat -s2 -S1 -U2 --save_original {LINE_NAMES}")
    assert [path.name for path in first] == ["000001.a.png", "000001.b.png", "000001.c.png"]
    assert [path.name for path in second] == ["000004.1.a.png", "000004.2.b.png"]
    assert [path.name for path in third] == ["000001.a.png", "000001.b.png"]
    assert [path.name for path in fourth] == ["000006.a.png", "000006.b.png"]
    numbers = [saved.number for saved in harness.saved]
    assert numbers == [6, 7]
    assert harness.run(f"!verify {' '.join(map(str, first))}") is Outcome.OK
    harness.run("!history")
    assert "[2] 000001.b.png" in harness.messages
    for reference in ("!2", "000001.b", "000001.b.png"):
        harness.draw(f"oil -I {reference} -s2 -S9 -f .5")
        assert "-I 000001.b.png" in harness.saved[0].line


@pytest.mark.feature("name-of-line")
def test_invoke_init_names_files_by_their_line(program: Program) -> None:
    init = program.folder / "root" / "configs" / "invoke.init"
    init.write_text("# names\n--fnformat {line}.{letter}.png\n", encoding="utf-8")
    Path("lines.txt").write_text("a cat -s2 -S1 -n2\n!plan a cat\na dog -s2 -S1\n", encoding="utf-8")
    expected = ["000001.a.png", "000001.b.png", "000003.a.png", "000004.a.png", "000004.b.png", "000006.a.png"]
    assert program("--from_file", "lines.txt").status == 0
    assert program("!replay lines.txt").status == 0
    assert sorted(path.name for path in (program.folder / "outputs").glob("*.png")) == expected


@pytest.mark.feature("name-of-line")
def test_a_lost_history_gives_each_image_of_a_line_its_number_again(fake_session: SessionHarness) -> None:
    paths = fake_session.draw(f"a cat -s2 -S1 -n28 {LINE_NAMES}")
    assert paths[25].name == "000001.z.png" and paths[27].name == "000001.ab.png"
    fake_session.draw("a dog -s2 -S1")
    fake_session.run("!tag 28 good")
    for name in ("history.sqlite3", "next_number"):
        (outputs(fake_session) / ".invoke" / name).unlink()
    fake_session.session.context._folders.clear()
    fake_session.run("!reindex")
    fake_session.run("!search tag:good")
    assert "000001.ab.png" in fake_session.messages
    assert fake_session.run("!info 29") is Outcome.OK and "a dog" in fake_session.messages
    assert fake_session.draw("a fox -s2 -S1")[0].name == "000030.1.png"
