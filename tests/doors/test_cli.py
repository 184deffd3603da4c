"""The doors without a prompt: exit codes, streams, JSON, files, pipes, images on the standard streams."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from invoke_cli import Session, __version__
from invoke_cli.cli import run
from invoke_cli.console.json_events import NAMES
from invoke_cli.events import Event
from invoke_cli.repl.loop import open_prompt
from invoke_cli.request import GenerationRequest
from tests.conftest import drawing
from tests.doors.program import Program, keys
from tests.house import pixels

if TYPE_CHECKING:
    from typing_extensions import Buffer


def test_one_shot_makes_a_picture(program: Program) -> None:
    result = program("a cat", "-s5", "-S3")
    assert result.status == 0
    assert result.lines == ["[1] outputs/000001.3.png: a cat -s 5 -S 3 -W 64 -H 64 -C 7.5 -A k_lms -m tiny"]
    assert len(program.images) == 1


def test_law_2_four_doors_make_the_same_picture(program: Program, tmp_path: Path) -> None:
    line = 'a "quoted" cat [dog] -s5 -S3 --neg "x, y" -C 4'
    program(line)
    program('a "quoted" cat [dog]', "-s5", "-S3", "--neg", "x, y", "-C", "4")
    program("-C4", "--neg=x, y", "-S", "3", 'a "quoted" cat [dog]', "--steps", "5")
    program(stdin=f"{line}\n".encode())
    (tmp_path / "lines.txt").write_text(line, encoding="utf-8")
    program("--from_file", "lines.txt")
    with Session() as session:
        (image,) = session.draw(line)
    with keys() as (pipe, _):
        pipe.send_text(f"{line}\nq\n")
        open_prompt({}, GenerationRequest())
    contents = {path.read_bytes() for path in program.images}
    assert len(program.images) == 7 and len(contents) == 1
    assert image.path.name == "000006.3.png"


def test_each_result_line_makes_its_picture_again(program: Program) -> None:
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
def test_exit_codes_of_one_line(program: Program, words: list[str], status: int) -> None:
    result = program(*words)
    assert result.status == status, result.err
    assert (status == 0) != result.err.startswith("error:")
    assert "Traceback" not in result.err
    if status:
        assert "  try: " in result.err


def test_a_batch_goes_on_after_a_bad_line_and_tells_its_number(program: Program) -> None:
    text = "# comment\n\na cat -s2 -S1\na cat -s 0\n// another\na dog -s2 -S2\n!history\n\xff bad\na fox -s2 -S3\n"
    result = program(stdin=text.encode("latin-1"))
    assert result.status == 1
    assert [path.name for path in program.images] == ["000001.1.png", "000002.2.png", "000003.3.png"]
    assert "error: line 4: -s takes" in result.err
    assert "error: line 8: the line is not UTF-8" in result.err
    assert sum(line.startswith("[1] 000001.1.png") for line in result.lines) == 1


def test_a_batch_ends_at_quit(program: Program) -> None:
    result = program(stdin=b"a cat -s2\nquit\na dog -s2\n")
    assert result.status == 0 and len(program.images) == 1


def test_launch_switches_are_defaults_of_the_session(program: Program) -> None:
    result = program("-s7", "-C", "3", stdin=b"a cat -S1\na dog -S2 -s4\n")
    assert ["-s 7" in line and "-C 3" in line for line in result.lines] == [True, False]
    assert "-s 4" in result.lines[1]


def test_a_file_with_a_byte_order_mark_and_windows_lines(program: Program, tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_bytes(b"\xef\xbb\xbfa cat -s2 -S1\r\na dog -s2 -S2\r\n")
    result = program("--from_file", "w.txt")
    assert result.status == 0
    assert [line.split(": ", 1)[1].split(" -")[0] for line in result.lines] == ["a cat", "a dog"]


def test_nothing_but_plain_text_leaves_where_there_is_no_terminal(program: Program) -> None:
    result = program(stdin=b"a cat -s3 --preview blocks --trace\nbad -s0\n!help\n!models\n")
    assert b"\x1b" not in result.out and "\x1b" not in result.err and "\r" not in result.err


def test_quiet_keeps_results_and_errors(program: Program) -> None:
    result = program("--quiet", stdin=b"a cat -s2 -S1 -W 100\nbad -s0\n")
    assert len(result.lines) == 1
    assert [line for line in result.err.splitlines() if not line.startswith(" ")] == [
        "error: line 2: -s takes a whole number from 1 to 1000, not 0"
    ]


def test_json_events(program: Program) -> None:
    result = program("--json", stdin=b"a cat -s2 -S1 -n2\nbad -s0\n")
    kinds = [event["event"] for event in result.events]
    assert kinds[0] == "start" and kinds.count("image") == 2 and kinds.count("step") == 6 and "done" in kinds
    error = next(event for event in result.events if event["event"] == "error")
    assert (error["number"] == 2 and error["span"] == [7, 8]) or error["span"]
    image = next(event for event in result.events if event["event"] == "image")
    assert image["path"] == "outputs/000001.1.png" and image["seed"] == 1 and image["number"] == 1
    plan = next(event for event in result.events if event["event"] == "plan")
    assert plan["plan"]["steps_real"] == 2
    assert result.err == ""


def test_every_event_has_a_name_in_json() -> None:
    assert set(NAMES) == set(Event.__args__)
    assert len(set(NAMES.values())) == len(NAMES)


def test_an_image_travels_on_the_standard_streams(program: Program) -> None:
    drawing().save("sketch.png")
    result = program("oil painting", "-I", "-", "-o", "-", "-s4", stdin=Path("sketch.png").read_bytes())
    assert result.status == 0, result.err
    assert result.out.startswith(b"\x89PNG") and result.out.endswith(b"IEND\xaeB`\x82")
    assert "oil painting -s 4" in result.err
    assert not program.images


def test_a_named_file(program: Program) -> None:
    result = program("a cat", "-s2", "-o", "cat.png")
    assert Path("cat.png").is_file()
    assert result.lines[0].startswith("[1] cat.png: a cat")


def test_a_shell_glob_of_init_images(program: Program) -> None:
    for name in ("one.png", "two.png", "three.png"):
        drawing().save(name)
    result = program("oil painting", "-s2", "-I", "one.png", "two.png", "three.png")
    assert len(result.lines) == 3
    assert [re.search(r"-I (\S+)", line)[1] for line in result.lines] == ["one.png", "two.png", "three.png"]  # type: ignore[index]


def test_help_and_version(program: Program) -> None:
    assert program("--version").lines == [f"invoke {__version__}"]
    page = program("--help").out.decode()
    assert "--steps" in page and "--from_file" in page and "--fnformat" not in page
    assert "--fnformat" in program("--help", "advanced").out.decode()


def test_a_broken_configuration_is_told(program: Program, tmp_path: Path) -> None:
    init = tmp_path / "root" / "configs" / "invoke.init"
    init.write_text("# fine\n-s 20\n--nonsense 5\n")
    result = program("a cat")
    assert result.status == 2 and "invoke.init, line 3" in result.err
    init.unlink()
    (tmp_path / "root" / "configs" / "models.yaml").write_text("tiny:\n  pth: x\n")
    result = program("a cat")
    assert result.status == 2 and "line 2" in result.err


def test_hostile_lines_each_get_one_sentence_or_a_picture(program: Program) -> None:
    lines = [
        'a "cat', "a cat -f 1.2", "a cat -f -1", "a cat -s 0", "a cat -W 7", "a cat -S 4294967296", "a cat -S -5",
        "a\x00b", "a\x1b[31mb", "\u202eright to left\u202c", "שלום", "🦊" * 50, "word " * 20_000 + "-s2",
        "((((", "a cat -n 99999999", "a cat -W 999999", "a cat -I /dev/zero", "a cat -I /etc/passwd",
        "a cat -o /proc/x", "-" * 5000, '"' * 3, "!", "!!", "| a", "a | b", "a cat --fnformat {x}", "a cat -V 1",
        "a cat -m nothing",
        "a cat -A", "\\", "a cat -t -s2", "[" * 2000, "a cat -v 2", "--prompt", '""',
    ]  # fmt: skip
    result = program(stdin="\n".join([*lines, "a last cat -s2 -S9"]).encode())
    assert result.status == 1
    assert "Traceback" not in result.err and "error in the program" not in result.err
    assert "a last cat" in result.lines[-1]
    errors = re.findall(r"^error: line (\d+): (.*)$", result.err, re.MULTILINE)
    assert len(errors) == len({number for number, _ in errors})
    assert result.err.count("  try: ") == len(errors)


def test_one_file_name_for_several_pictures_is_refused(program: Program, sketch: Path) -> None:
    sketch.with_name("other.png").write_bytes(sketch.read_bytes())
    result = program("oil", "-I", "sketch.png", "other.png", "-o", "made.png", "-s2")
    assert result.status == 2 and "one file name for several pictures" in result.err
    assert not (program.folder / "made.png").exists()


def test_an_unreadable_switch_for_several_pictures_is_a_usage_error(program: Program, sketch: Path) -> None:
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
def test_switches_around_a_command_leave_it_a_command(program: Program, words: list[str]) -> None:
    result = program(*words)
    assert (result.status, result.err, program.images) == (0, "", []) and "no images yet" in result.lines[0]


def test_switches_before_a_command_are_its_defaults(program: Program) -> None:
    assert program("-W", "96", "--no_session", "!dream", "a cat", "-s2", "-S1").status == 0
    assert b"-s 2 -S 1 -W 96" in program.images[0].read_bytes()
    assert program("-I", "!1", "a dog", "-s2", "-f.5").status == 0 and len(program.images) == 2


def test_a_switch_within_a_quoted_prompt_is_told_of(program: Program) -> None:
    result = program("a cat -W 96", "-s2", "-S1")
    assert "tip: -W inside the quoted prompt is text" in result.err
    assert b'"a cat -W 96" -s 2' in program.images[0].read_bytes()
    for words in (["a -3d cat - so", "-s2"], ["a cat -W 96"], ["!dream", "a cat -W 96"]):
        assert "tip: -" not in program(*words).err


def test_what_has_no_place_on_standard_output_is_refused(program: Program) -> None:
    result = program("a cat", "-o", "-", "--strip", "-s2")
    assert result.status == 1 and "--strip has no place" in result.err and result.out == b""


def test_launch_options_in_invoke_init(program: Program) -> None:
    init = program.folder / "root" / "configs" / "invoke.init"
    init.write_text("--device cuda -s 7\n", encoding="utf-8")
    program("a cat", "--device", "auto")
    assert program.engine is not None and program.engine.settings.device == "auto"
    program("a cat")
    assert program.engine.settings.device == "cuda"
    init.write_text("--json\n", encoding="utf-8")
    result = program("a cat")
    assert result.status == 2 and "--json belongs to the command line" in result.err


class Full(io.BytesIO):
    """A disk without room, until there is some."""

    full = True

    def write(self, data: Buffer) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("line", ["--version", "--json a_cat -s2", "a_cat -s2", "a_cat -s2 -o -"])
def test_results_that_go_nowhere_are_one_sentence(program: Program, line: str) -> None:
    disk = Full()
    result = program(*line.split(" "), stdout=disk)
    disk.full = False
    assert result.status == 1
    assert result.err.count(f"error: standard output cannot be written: {os.strerror(errno.ENOSPC)}") == 1
    assert "Traceback" not in result.err and "errors.log" not in result.err


def test_a_picture_is_drawn_without_standard_output(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run(["a cat", "-s2"]) == 0 and len(program.images) == 1
    for stream in (sys.stdout, sys.stderr):
        stream.close()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_one_error(program: Program, encoding: str) -> None:
    result = program(stdin="a cat -s2\na dog -s2\n".encode(encoding))
    assert result.status == 1 and not program.images
    assert result.err == "error: line 1: the lines are UTF-16 text, not UTF-8\n  try: save the file as UTF-8\n"
