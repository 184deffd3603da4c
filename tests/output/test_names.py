"""Names of results: numbers, templates, folders, named files, and the files beside them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import file_name, prompt_folder
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
    first, second = harness.draw("a dog -s2 -S1 -n2 -o cat.png")
    assert (first.name, second.name) == ("cat.png", "cat-2.png")
    assert any("the old file is now" in text for text in harness.notices)
    assert before in [path.read_bytes() for path in (outputs(harness) / ".invoke" / "trash").iterdir()]


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


def test_a_replaced_file_keeps_its_number(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1 -o out.png")
    harness.draw("a dog -s2 -S2 -o out.png")
    first, second = (harness.session.context.folder().history.get(number) for number in (1, 2))
    assert first is not None and second is not None and first.path != second.path
    harness.draw("oil -I !1 -s2 -S3 -f .5 -o other.png")
    harness.run("!rm 1")
    assert (harness.folder / "out.png").is_file()


def test_intermediates_of_a_named_file_use_its_number(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2 -S1")
    fake_session.draw("a cat -s2 -S7 -o named.png --save_all --save_intermediates | oil -f 1 -s2 | snow -f 1 -s2")
    assert [path.name for path in (outputs(fake_session) / "intermediates").iterdir()] == ["000002.7"]


def test_intermediates_of_files_of_one_name_do_not_mix(harness: SessionHarness) -> None:
    harness.draw("a cat -s3 -S1 -o a/pic.png --save_intermediates")
    harness.draw("a cat -s2 -S2 -o b/pic.png")
    assert harness.saved[0].extras == ()
    harness.run("!rm 2")
    assert len(list((outputs(harness) / "intermediates" / "000001.1").glob("*.png"))) == 4
