"""One line from a shell: images, exit codes, switches, commands, and configuration files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from invoke_cli import Session, __version__
from invoke_cli.repl.loop import open_prompt
from invoke_cli.request import GenerationRequest
from tests.frontends.program import Program, keys
from tests.sample_images import drawing
from tests.session_harness import pixels


@pytest.mark.feature("one-shot")
def test_one_shot_generates_an_image(program: Program) -> None:
    result = program("a cat", "-s5", "-S3")
    assert result.status == 0
    assert result.lines == ["[1] outputs/000001.3.png: a cat -s 5 -S 3 -W 64 -H 64 -C 7.5 -A k_lms -m tiny"]
    assert len(program.images) == 1


def test_one_grammar_all_front_ends_generate_the_same_file(program: Program, tmp_path: Path) -> None:
    line = 'a "quoted" cat [dog] -s5 -S3 --neg "x, y" -C 4'
    program(line)
    program('a "quoted" cat [dog]', "-s5", "-S3", "--neg", "x, y", "-C", "4")
    program("-C4", "--neg=x, y", "-S", "3", 'a "quoted" cat [dog]', "--steps", "5")
    program(stdin=f"{line}\n".encode())
    (tmp_path / "lines.txt").write_text(line, encoding="utf-8")
    program("--from_file", "lines.txt")
    with Session() as session:
        (image,) = session.run(line)
    with keys() as (pipe, _):
        pipe.send_text(f"{line}\nq\n")
        open_prompt({}, GenerationRequest())
    contents = {path.read_bytes() for path in program.images}
    assert len(program.images) == 7 and len(contents) == 1
    assert image.path is not None and image.path.name == "000006.3.png"


def test_each_result_line_reproduces_its_image(program: Program) -> None:
    drawing().save("sketch.png")
    first = program("oil painting [dark]", "-I", "sketch.png", "-f.4", "-n2", "-v.3")
    for line in first.lines:
        program(line)
    images = program.images
    assert [pixels(path) for path in images[:2]] == [pixels(path) for path in images[2:]]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["a cat", "-s2"], 0),
        (["# nothing"], 0),
        (["a cat", "-s0"], 2),
        (["a cat", "--fitt"], 2),
        (["a cat -I"], 2),
        (["a cat", "-I"], 2),
        (["--precision", "float12", "a cat"], 2),
        (["--from_file", "none.txt"], 2),
        (["--config", "none.yaml", "a cat"], 2),
        (["a cat", "-I", "none.png"], 1),
        (["a cat", "-A", "k_eular"], 1),
        (["!nonsense"], 2),
        (["!verify", "none.png"], 1),
        (["!models"], 0),
        (["--help"], 0),
        (["--version"], 0),
    ],
)
def test_exit_codes(program: Program, words: list[str], status: int) -> None:
    result = program(*words)
    assert result.status == status, result.err
    assert (status == 0) != result.err.startswith("error:")
    assert "Traceback" not in result.err
    if status:
        assert "  try: " in result.err


def test_a_named_output_file(program: Program) -> None:
    result = program("a cat", "-s2", "-o", "cat.png")
    assert Path("cat.png").is_file()
    assert result.lines[0].startswith("[-] cat.png: a cat")


def test_a_shell_glob_of_init_images_gives_one_result_each(program: Program) -> None:
    for name in ("one.png", "two.png", "three.png"):
        drawing().save(name)
    result = program("oil painting", "-s2", "-I", "one.png", "two.png", "three.png")
    assert len(result.lines) == 3
    assert [re.search(r"-I (\S+)", line)[1] for line in result.lines] == ["one.png", "two.png", "three.png"]  # type: ignore[index]


def test_a_shell_glob_is_sorted_naturally_and_names_its_results(program: Program) -> None:
    for name in ("photo1.png", "photo10.png", "photo2.png"):
        drawing().save(name)
    result = program("oil painting", "-s2", "-S7", "-I", "photo1.png", "photo10.png", "photo2.png")
    names = [re.search(r"outputs/(\S+):", line)[1] for line in result.lines]  # type: ignore[index]
    assert names == ["000001.photo1.7.png", "000002.photo2.7.png", "000003.photo10.7.png"]


def test_help_and_version_are_printed(program: Program) -> None:
    assert program("--version").lines == [f"invoke {__version__}"]
    page = program("--help").out.decode()
    assert "-s N" in page and "--from_file" in page and "--fnformat" not in page
    assert "--fnformat" in program("--help", "advanced").out.decode()


def test_the_error_of_a_broken_configuration_names_file_and_line(program: Program, tmp_path: Path) -> None:
    init = tmp_path / "root" / "configs" / "invoke.init"
    init.write_text("# fine\n-s 20\n--nonsense 5\n")
    result = program("a cat")
    assert result.status == 2 and "invoke.init, line 3" in result.err
    init.unlink()
    (tmp_path / "root" / "configs" / "models.yaml").write_text("tiny:\n  pth: x\n")
    result = program("a cat", "-s2")
    assert result.status == 0 and "line 2" in result.err and result.lines[0].endswith("-m sketchbook")
    result = program("a cat", "-m", "tiny")
    assert result.status == 2 and result.err.count("line 2") == 2


def test_one_file_name_for_several_images_is_an_error(program: Program, sketch: Path) -> None:
    sketch.with_name("other.png").write_bytes(sketch.read_bytes())
    result = program("oil", "-I", "sketch.png", "other.png", "-o", "made.png", "-s2")
    assert result.status == 2 and "-o names one file, and there are several images" in result.err
    assert not (program.folder / "made.png").exists()


def test_an_invalid_switch_for_several_images_is_a_usage_error(program: Program, sketch: Path) -> None:
    sketch.with_name("other.png").write_bytes(sketch.read_bytes())
    assert program("oil", "-I", "sketch.png", "other.png", "-s", "x").status == 2


def test_commands_take_lines_from_a_shell(program: Program) -> None:
    result = program("!plan", "a cat", "-s5")
    assert result.status == 0 and b"a cat" in result.out and program.images == []
    assert program("!set", "-s", "20").status == 0
    assert program("!alias", "oil", "oil painting -C 9").status == 0
    assert b"oil painting -C 9" in program("!alias").out
    assert program("!models", "blah").status == 2


@pytest.mark.parametrize(
    "words",
    [
        ["--no_session", "!history"],
        ["!history", "--no_session"],
        ["!history --no_session"],
        ["-o", "elsewhere", "--no-session", "!history", "5"],
        ["-s20", "!hist"],
    ],
)
def test_switches_before_a_command_do_not_make_it_a_prompt(program: Program, words: list[str]) -> None:
    result = program(*words)
    assert (result.status, result.err, program.images) == (0, "", []) and "no images yet" in result.lines[0]


def test_switches_before_a_command_are_session_defaults(program: Program) -> None:
    assert program("-W", "96", "--no_session", "!dream", "a cat", "-s2", "-S1").status == 0
    assert b"-s 2 -S 1 -W 96" in program.images[0].read_bytes()
    assert program("-I", "!1", "a dog", "-s2", "-f.5").status == 0 and len(program.images) == 2


def test_a_switch_inside_a_quoted_prompt_gives_a_tip(program: Program) -> None:
    result = program("a cat -W 96", "-s2", "-S1")
    assert "tip: -W inside the quoted prompt is text" in result.err
    assert b'"a cat -W 96" -s 2' in program.images[0].read_bytes()
    for words in (["a -3d cat - so", "-s2"], ["a cat -W 96"], ["!dream", "a cat -W 96"]):
        assert "tip: -" not in program(*words).err


@pytest.mark.parametrize(
    "words", [["a cat -W 96 -s2", "--no_session"], ["--no-session", "a cat -W 96 -s2", "--device", "cpu"]]
)
def test_a_whole_line_in_one_word_is_a_line_beside_launch_options(program: Program, words: list[str]) -> None:
    result = program(*words)
    assert result.status == 0 and "inside the quoted prompt" not in result.err
    assert b"a cat -s 2 -S" in program.images[0].read_bytes() and b"-W 96" in program.images[0].read_bytes()


def test_a_chain_in_one_word_is_a_line_beside_no_session(program: Program) -> None:
    assert program("a cat -s2 -S1 | oil -f .5", "--no_session").status == 0
    assert b"a cat -s 2 -S 1" in program.images[0].read_bytes() and b"| oil" in program.images[0].read_bytes()


def test_verbose_prints_the_performance_of_each_result(program: Program) -> None:
    result = program("a cat", "-s2", "-n2", "--verbose")
    assert re.findall(r"(?m)^  \d+\.\d s, 2 steps at \d", result.err), result.err
    assert "steps at" not in program("a cat", "-s2").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max_loaded_models", "none"], "--max_loaded_models takes a whole number from 1, not 'none'"),
        (["--max_loaded_models", "0"], "--max_loaded_models takes a whole number from 1, not '0'"),
        (["--max_loaded_models", "1.5"], "--max_loaded_models takes a whole number from 1, not '1.5'"),
        (["--model_memory", "-2"], "--model_memory takes a number from 0.001, not '-2'"),
        (["--model_memory", "nan"], "--model_memory takes a number from 0.001, not 'nan'"),
    ],
)
def test_limits_of_the_model_cache_are_numbers(program: Program, words: list[str], message: str) -> None:
    result = program("a cat", "-s2", *words)
    assert result.status != 0 and message in result.err


def test_limits_of_the_model_cache_reach_the_engine(program: Program) -> None:
    init = program.folder / "root" / "configs" / "invoke.init"
    init.write_text("--max_loaded_models 3\n", encoding="utf-8")
    program("a cat", "-s2", "--model_memory", "1.5")
    assert program.engine is not None
    assert (program.engine.settings.max_loaded_models, program.engine.settings.model_memory) == (3, 1_500_000_000)


def test_launch_options_are_read_from_invoke_init(program: Program) -> None:
    init = program.folder / "root" / "configs" / "invoke.init"
    init.write_text("--device cuda -s 7\n", encoding="utf-8")
    program("a cat", "--device", "auto")
    assert program.engine is not None and program.engine.settings.device == "auto"
    program("a cat")
    assert program.engine.settings.device == "cuda"
    init.write_text("--json\n", encoding="utf-8")
    result = program("a cat")
    assert result.status == 2 and "--json is allowed only on the command line" in result.err
