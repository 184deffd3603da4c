"""`!sweep`, `!ladder` and `!final`: many settings of one line, with shared work done once."""

from __future__ import annotations

import csv
import itertools
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Event, Saved
from invoke_cli.language.grammar.axes import parse_sweep, with_switches
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import decode_sheet
from tests.session_harness import SessionHarness, pixels, size

SWEEP = "!sweep fire -f .3,.5,.8 -C 5..11:3 -A ddim,k_euler -S 5 -s 4 -I sketch.png"


def cells(harness: SessionHarness) -> list[Path]:
    """Return the paths of the last line's images."""
    return [harness.folder / saved.path for saved in harness.saved]


def stop_after(harness: SessionHarness, count: int) -> Callable[[Event], None]:
    """Return an `emit` that stops the line after so many images."""
    emit = harness.session.context.emit
    counter = itertools.count(1)

    def emit_and_stop(event: Event) -> None:
        emit(event)
        if isinstance(event, Saved) and next(counter) == count:
            harness.session.stop()

    return emit_and_stop


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("a cat -s 1,2", ["a cat -s 1", "a cat -s 2"]),
        ("a cat -C1..2:.5", ["a cat -C 1", "a cat -C 1.5", "a cat -C 2"]),
        ("a cat -S 3..4 -f.2,.4", ["a cat -S 3 -f .2", "a cat -S 3 -f .4", "a cat -S 4 -f .2", "a cat -S 4 -f .4"]),
        ("a | b -f .1,.2", ["a | b -f .1", "a | b -f .2"]),
        ('a --neg "x, y" -s 1,2', ['a --neg "x, y" -s 1', 'a --neg "x, y" -s 2']),
        ("a -V 1:.1,2:.2 -s=1,2", ["a -V 1:.1,2:.2 -s=1", "a -V 1:.1,2:.2 -s=2"]),
        ("a --neg ugly,dull", ["a --neg ugly", "a --neg dull"]),
        ("a -s 1,1,2", ["a -s 1", "a -s 2"]),
        ("a -f .5,0.50,balanced,1", ["a -f .5", "a -f 1"]),
        ("a {red|blue} cat -s 5", ['"a red cat" -s 5', '"a blue cat" -s 5']),
        ('"{a \\"b\\"|c -s} d" -s 5', ['"a \\"b\\" d" -s 5', '"c -s d" -s 5']),
        ("{a|b {c|d}} | {e|} f", [f'"{one}" | "{two}"' for one in ("a", "b c", "b d") for two in ("e f", "f")]),
        ("a {?red|blue} {big|old} cat", ['"a {?red|blue} big cat"', '"a {?red|blue} old cat"']),
        ("a -U 2,4 .5", ['a -U "2 .5"', 'a -U "4 .5"']),
        ("a --lora film,ink:.5", ["a --lora film", "a --lora ink:.5"]),
        ("a --lora one\\,two,ink", ["a --lora one\\,two", "a --lora ink"]),
        ("a --lora film --lora ink,oil", ["a --lora film --lora ink", "a --lora film --lora oil"]),
        ('a --new_prompt "very {sharp|soft}"', ['a --new_prompt "very sharp"', 'a --new_prompt "very soft"']),
        ("a -tm {hat|coat} .4", ['a -tm "hat .4"', 'a -tm "coat .4"']),
        ("a --match_colors lab,chroma", ["a --match_colors lab", "a --match_colors chroma"]),
        ("a --embiggen_tiles 1,4 -s 1,2", ["a --embiggen_tiles 1,4 -s 1", "a --embiggen_tiles 1,4 -s 2"]),
        ("a -o x,y -s 1,2", ["a -o x,y -s 1", "a -o x,y -s 2"]),
    ],
)
def test_a_sweep_expands_to_its_lines(line: str, lines: list[str]) -> None:
    sweep = parse_sweep(line)
    assert [sweep.line_of(cell) for cell in sweep.cells] == lines


def test_expensive_settings_change_least_often() -> None:
    sweep = parse_sweep("a -s 1,2 -m x,y --neg u,v")
    models = [sweep.line_of(cell).split("-m ")[1][0] for cell in sweep.cells_by_cost]
    assert models == sorted(models) and sorted(sweep.cells_by_cost) == sweep.cells
    assert with_switches("a cat | b", "-S 7") == "a cat -S 7 | b"
    assert with_switches("a cat -s 5 # a note", "-S 7") == "a cat -s 5 -S 7 # a note"


@pytest.mark.feature("strength-and-guidance")
def test_a_sweep_generates_every_combination_a_sheet_and_tables(harness: SessionHarness, sketch: Path) -> None:
    assert harness.run(SWEEP) is Outcome.OK, harness.errors
    results = cells(harness)
    assert len(results) == 18 and [saved.number for saved in harness.saved] == list(range(1, 19))
    outputs = harness.folder / "outputs"
    record = decode_sheet(read_chunks(outputs / "000019.sweep.png"))
    assert record is not None and len(record.shows) == 18 and record.line == SWEEP
    width, height = size(outputs / "000019.sweep.png")
    assert width > 6 * 100 and height > 3 * 100
    rows = list(csv.DictReader((outputs / "000019.sweep.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["number"] for row in rows] == [str(number) for number in range(1, 19)]
    assert {(row["strength"], row["cfg_scale"], row["sampler"]) for row in rows} == set(
        itertools.product((".3", ".5", ".8"), ("5", "8", "11"), ("ddim", "k_euler"))
    )
    page = (outputs / "000019.sweep.html").read_text(encoding="utf-8")
    links = re.findall(r'<img src="([^"]+)"', page)
    assert len(links) == 18 and all((outputs / link).is_file() for link in links)
    alone = harness.draw("fire -f .5 -C 8 -A k_euler -S 5 -s 4 -I sketch.png")[0]
    assert pixels(alone) == pixels(results[9])
    assert harness.run("!verify 7") is Outcome.OK


def test_a_sweep_encodes_shared_inputs_once(real_session: SessionHarness, sketch: Path) -> None:
    harness = real_session
    line = "!sweep fire -f .3,.5,.8 -C 5..11:3 -A ddim,k_euler --neg ugly,dull -S 5 -s 4 -I sketch.png --trace"
    harness.session.context.engine.unload()
    assert harness.run(line) is Outcome.OK, harness.errors
    assert len(harness.saved) == 36
    counters = harness.session.context.counters
    assert counters.encodes == 1 and counters.decodes == 36 and counters.text_encodes == 3
    assert harness.traces[-1].startswith("trace: encodes=1 decodes=36 ")
    assert sum(text.startswith("text encode") for text in harness.traces) == 3


def test_an_interrupted_sweep_continues(harness: SessionHarness, sketch: Path) -> None:
    line = "!sweep fire -f .2,.4,.6,.8 -C 2..7 -s 2 -I sketch.png"
    emit = harness.session.context.emit
    harness.session.context.emit = stop_after(harness, 9)
    assert harness.run(line) is Outcome.INTERRUPTED
    harness.session.context.emit = emit
    first = cells(harness)
    assert len(first) == 9
    assert harness.run(line) is Outcome.OK, harness.errors
    assert len(cells(harness)) == 15 and any("15 of 24" in text for text in harness.notices)
    assert len({saved.seed for saved in harness.saved}) == 1 and harness.saved[0].seed == int(
        first[0].name.split(".")[1]
    )
    (sheet,) = (harness.folder / "outputs").glob("*.sweep.png")
    record = decode_sheet(read_chunks(sheet))
    assert record is not None and len({shown.name for shown in record.shows}) == 24
    assert harness.run(line) is Outcome.OK and len(harness.saved) == 24  # a finished sweep starts over


def test_a_deleted_cell_is_generated_again(harness: SessionHarness) -> None:
    line = "!sweep fire -C 2..7 -s 2"
    emit = harness.session.context.emit
    harness.session.context.emit = stop_after(harness, 4)
    harness.run(line)
    harness.session.context.emit = emit
    harness.run("!rm 2")
    assert harness.run(line) is Outcome.OK and len(harness.saved) == 3


def test_impossible_sweeps_are_errors_before_generation(harness: SessionHarness, sketch: Path) -> None:
    for line, message in [
        ("!sweep a cat", "needs a list"),
        ("!sweep a {cat|cat}", "needs a list"),
        ("!sweep a cat -n 2,3", "-n takes one value"),
        ("!sweep a cat -z 1,9", "-z takes one value"),
        ("!sweep a cat -A ddim,nosuch", "no such sampler"),
        ("!sweep a {cat|dog", "unclosed brace"),
        ("!sweep a {__nosuch__} -s 1,2", "no such list"),
        ("!sweep a cat -I nosuch/*.png -s 1,2", "no images"),
        ("!sweep a cat -s 1,nine", "whole number"),
        ("!sweep a cat -C 1.5..3.5", "invalid range: 1.5..3.5"),
        ("!sweep a cat -s 5..1", "invalid range: 5..1"),
        ("!sweep a cat -s 1..30 -C 1..20", "too large"),
        ("!sweep a cat -s 1,2 -s 3,4", "two lists"),
        ("!sweep a cat -s 1,2 -o x.png", "several files"),
        ("!sweep a cat -m tiny,none", "none"),
        ("!sweep !history -s 1,2", "a line that generates images"),
        ("!ladder a cat", "init image"),
        ("!ladder a cat -I sketch.png -f .5", "sets -f itself"),
    ]:
        assert harness.run(line) is not Outcome.OK, line
        assert message in harness.errors[0], (line, harness.errors)
        assert harness.saved == []


def test_a_dry_run_of_a_sweep_shows_its_lines(harness: SessionHarness) -> None:
    assert harness.run("!sweep a cat -s 2,3 --dry_run") is Outcome.OK
    assert harness.messages.splitlines() == ["a cat -s 2 --dry_run", "a cat -s 3 --dry_run"] and harness.saved == []


def test_captions_of_a_private_sweep_show_no_values(harness: SessionHarness, sketch: Path) -> None:
    sheets = []
    for words in ("hidden,dull", "a,b"):
        outdir = f"out-{words[0]}"
        assert (
            harness.run(f"!sweep a cat -s 2 -S 1 -f 0 -I sketch.png --neg {words} --private -o {outdir}") is Outcome.OK
        )
        (sheet,) = (harness.folder / outdir).glob("*.sweep.png")
        sheets.append(pixels(sheet))
    assert sheets[0] == sheets[1]


def test_files_of_a_private_sweep_contain_no_prompts(harness: SessionHarness) -> None:
    assert harness.run("!sweep a secret -s 2,3 --neg hidden,dull --private") is Outcome.OK, harness.errors
    for path in (harness.folder / "outputs").rglob("*"):
        if path.is_file():
            assert b"secret" not in path.read_bytes() and b"hidden" not in path.read_bytes(), path


def test_ladder_generates_each_strength_from_one_encoding(real_session: SessionHarness, sketch: Path) -> None:
    harness = real_session
    harness.session.context.engine.unload()
    assert harness.run("!ladder oil -I sketch.png -s 10 -S 3") is Outcome.OK, harness.errors
    assert [saved.steps_taken for saved in harness.saved] == list(range(1, 11))
    assert harness.session.context.counters.encodes == 1
    bars = [line for line in harness.messages.splitlines() if "|" in line]
    assert len(bars) == 10 and bars[-1].startswith(" 0.1 |")
    assert (harness.folder / "outputs" / "000011.ladder.png").is_file()


@pytest.mark.feature("final")
def test_final_changes_only_the_given_settings(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a cat -s2 -S5 -I sketch.png -f.5")
    harness.draw("a dog -s2")
    (path,) = harness.draw("!final 1 -s 4")
    assert pixels(path) == pixels(harness.draw("a cat -s4 -S5 -I sketch.png -f.5")[0])
    assert pixels(harness.draw("!final 1")[0]) == pixels(harness.folder / "outputs" / "000001.5.png")
    harness.draw("!final 1 -f+.2")
    assert "-f 0.7" in harness.saved[0].line and "-S 5" in harness.saved[0].line
    harness.draw("a castle -s3 -S1 | snow -f.5")
    harness.draw("!final @last -C 3")
    assert harness.saved[0].line.count("-C 3") == 1 and " | " in harness.saved[0].line
    assert harness.run("!final 99") is Outcome.FAILED and harness.run("!final") is Outcome.FAILED


@pytest.mark.slow
def test_a_killed_sweep_continues(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configs = tmp_path / "root" / "configs"
    configs.mkdir(parents=True)
    (configs / "models.yaml").write_text(f"tiny:\n  path: {tiny_model}\n  default: true\n", encoding="utf-8")
    monkeypatch.setenv("INVOKE_ROOT", str(tmp_path / "root"))
    words = [sys.executable, "-m", "invoke_cli", "!sweep a cat -s 40..63 -S 1 -A k_euler"]
    outputs = tmp_path / "outputs"
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(list(outputs.glob("*.png"))) < 9 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    before = len(list(outputs.glob("*.png")))
    assert 9 <= before < 24
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    results = [line for line in done.stdout.splitlines() if not line.split("/")[-1].startswith("!")]
    singles = [line for line in results if ".sweep.png" not in line]
    assert 24 - before <= len(singles) <= 24 - before + 1
    (sheet,) = outputs.glob("*.sweep.png")
    record = decode_sheet(read_chunks(sheet))
    assert record is not None and len({shown.name for shown in record.shows}) == 24
