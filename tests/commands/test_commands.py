"""Commands on both engines: history, recall, info, removal, aliases, and mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL.PngImagePlugin import PngInfo

from invoke_cli.commands.table import COMMANDS, REMOVED_COMMANDS
from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed, Forget
from invoke_cli.language.grammar.line import Generation, parse
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels


def test_history_and_search(harness: SessionHarness) -> None:
    harness.run("!history")
    assert "no images yet" in harness.messages
    harness.draw("a red fox -s2 -n2")
    harness.draw("a blue boat -s2")
    harness.run("!history 2")
    assert [line.split("]")[0] for line in harness.messages.splitlines()] == ["[2", "[3"]
    harness.run("!search FOX red")
    assert len(harness.messages.splitlines()) == 2
    harness.run("!search zebra")
    assert "zebra" in harness.messages


def test_a_number_recalls_its_line(harness: SessionHarness) -> None:
    harness.draw("a red fox -s2 -S5")
    harness.run("!1")
    assert harness.prefills == [harness.session.context.folder().history.get(1).line]  # type: ignore[union-attr]
    assert harness.run("!7") is Outcome.FAILED


@pytest.mark.feature("again")
def test_again_keeps_the_seed_and_adds_to_numbers(harness: SessionHarness, sketch: Path) -> None:
    assert harness.run("!again") is Outcome.FAILED
    (first,) = harness.draw("a cat -s4 -f.5 -I sketch.png")
    seed = harness.saved[0].seed
    (same,) = harness.draw("!again")
    assert same.read_bytes() == first.read_bytes()
    harness.draw("!again -f+.1 -s+2 -C-2.5 -W+8")
    line = harness.saved[0].line
    assert f"-S {seed} " in line and "-f 0.6" in line and "-s 6" in line and "-C 5" in line and "-W 72" in line
    harness.draw("!again -f.2")
    assert "-f 0.2" in harness.saved[0].line and "-s 6" in harness.saved[0].line
    assert harness.run("!again -f+.9") is not Outcome.OK
    assert harness.run("!again -S+1") is Outcome.FAILED and "cannot add to a seed" in harness.errors[0]


@pytest.mark.feature("again")
@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ("-f+.1", [(4, 0.5, 7.5), (6, 0.5, 7.5), (6, 0.3, 7.5)]),
        ("-f+.1@2 -C 3", [(4, 0.5, 7.5), (6, 0.6, 7.5), (6, 0.2, 3)]),
        ("-s+2@1 -f.9@3 -C-1@2", [(6, 0.5, 7.5), (6, 0.5, 6.5), (6, 0.9, 6.5)]),
        ("-s+1", [(4, 0.5, 7.5), (6, 0.5, 7.5), (7, 0.2, 7.5)]),
    ],
)
def test_again_changes_one_stage_of_a_chain(
    harness: SessionHarness, sketch: Path, changes: str, settings: list[tuple[int, float, float]]
) -> None:
    harness.draw("a cat -s4 -f.5 -C 7.5 -I sketch.png -S 3 | b -f.5 -s6 | c -f .2")
    for _ in range(2):
        (path,) = harness.draw(f"!again {changes}")
        parsed = parse(harness.saved[0].line)
        assert isinstance(parsed, Generation)
        requests = [stage.request for stage in parsed.stages]
        found = [(each.num_inference_steps, each.strength, each.guidance_scale) for each in requests]
        assert found == settings and path.name.split(".")[1] == "3"
        harness.draw("a cat -s4 -f.5 -C 7.5 -I sketch.png -S 3 | b -f.5 -s6 | c -f .2")
    assert harness.run("!again -f+.1@4") is Outcome.UNREADABLE and "no stage 4" in harness.errors[0]
    assert harness.run("!again -f+.1@x") is Outcome.UNREADABLE
    harness.draw(f"!final @last {changes}")
    assert harness.run("!final @last a dog") is Outcome.FAILED and "only switches" in harness.errors[0]


def test_again_changes_the_seed_of_a_chain_in_its_first_stage(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S 3 | b -f.5")
    (path,) = harness.draw("!again -S 9 -n 1")
    assert path.name.split(".")[1] == "9" and " -S 9 " in harness.saved[0].line.partition(" | ")[0]


def test_again_repeats_the_last_line_of_an_earlier_session(harness: SessionHarness) -> None:
    (first,) = harness.draw("a cat -s2")
    harness.session.context.last_stages = ()
    assert pixels(harness.draw("!again")[0]) == pixels(first)


def test_fetch_returns_the_line_that_reproduces_the_image(harness: SessionHarness) -> None:
    (path,) = harness.draw('"a \\"quoted\\" cat, -x" [dog] -s2'.replace(" [dog]", ""))
    harness.run(f"!fetch {path}")
    assert pixels(harness.draw(harness.prefills[0])[0]) == pixels(path)


def test_fetch_reports_settings_that_are_not_carried_over(harness: SessionHarness) -> None:
    info = PngInfo()
    info.add_text("Dream", "a cat -s 2 -S 5 -W 64 -H 64 -A k_euler --karras_max 29 # model_id=sd-1.4")
    drawing().save("theirs.png", pnginfo=info)
    harness.run("!fetch theirs.png")
    assert harness.prefills == ["a cat -s 2 -S 5 -W 64 -H 64 -A k_euler"]
    assert any("--karras_max 29" in text for text in harness.notices)
    drawing().save("plain.png")
    assert harness.run("!fetch plain.png") is Outcome.FAILED
    assert "contains no generation metadata" in harness.errors[0]


def test_info_shows_all_metadata_without_control_characters(harness: SessionHarness) -> None:
    info = PngInfo()
    info.add_text("Dream", "a cat \x1b[2J -s 2")
    drawing().save("evil.png", pnginfo=info)
    harness.run("!info evil.png")
    assert "\x1b" not in harness.messages and "96x64" in harness.messages
    harness.draw("a cat -s2")
    harness.run("!info 1")
    assert "identical" not in harness.messages and "sd-metadata" in harness.messages


def test_rm_moves_an_image_and_its_extras_to_the_trash(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s2 -S1 --strip --save_intermediates")
    assert harness.run("!rm 1") is Outcome.OK
    assert not path.exists()
    trash = harness.folder / "outputs" / ".invoke" / "trash"
    assert {entry.name for entry in trash.iterdir()} == {"000001.1.png", "000001.1.steps.png", "000001.1"}
    harness.run("!history")
    assert "000001" not in harness.messages
    assert harness.draw("a cat -s2 -S1")[0].name == "000002.1.png"
    assert harness.run("!rm 1") is Outcome.FAILED


def test_check_reports_weights_inputs_tokens_and_memory(harness: SessionHarness, sketch: Path) -> None:
    assert harness.run('!check "a cat" -I sketch.png') is Outcome.OK
    for word in ("weights", "sketch.png", "tokens", "memory"):
        assert word in harness.messages
    assert harness.run("!check a cat -I none.png") is Outcome.FAILED


@pytest.mark.feature("check")
def test_check_reports_all_problems_at_once(harness: SessionHarness, sketch: Path) -> None:
    line = "a cat -I none.png -M mask.png --mask_blur 3 --lora film --lora ink:.5 --control canny:sketch.png -A foo"
    assert harness.run(f"!check {line} -U 2 --upscaler bar") is Outcome.FAILED
    problems = [text for text in harness.messages.splitlines() if text.startswith("problem")]
    for part in ("none.png", "mask.png", "LoRA: film", "LoRA: ink", "canny", "foo", "bar"):
        assert sum(part in text for text in problems) == 1, part
    assert len(problems) == 7 and harness.errors == ["this line has 7 problems"]
    assert "weights" in harness.messages and "memory" in harness.messages
    assert "image    " not in harness.messages and harness.saved == []


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("a cat -m none -I nothing.png", ["no such model: none", "nothing.png"]),
        ("a cat -m none -A foo", ["no such model: none"]),
        ("a cat | b -f .5 -M mask.png | c -f .5 -A foo", ["mask.png", "foo"]),
        ("(a cat)99 -s 2 --lora film", ["a weight must be", "LoRA: film"]),
        ("a cat -I @last:99 -tm hat --post none", ["no image @last", "no such postprocessor"]),
        ("a cat -I sketch.png --fit --pad", ["cannot be combined"]),
    ],
)
def test_check_finds_problems_of_every_part(
    fake_session: SessionHarness, sketch: Path, line: str, parts: list[str]
) -> None:
    assert fake_session.run(f"!check {line}") is not Outcome.OK
    found = [*fake_session.messages.splitlines(), *fake_session.errors]
    found = [text for text in found if text.startswith("problem")] or found
    for part in parts:
        assert any(part in text for text in found), (part, found)
    if len(parts) == 1:
        assert len(fake_session.errors) == 1 and "problems" not in fake_session.errors[0], (
            "reported as by the line itself"
        )


def test_check_describes_masks_adapters_and_postprocessing(fake_session: SessionHarness, sketch: Path) -> None:
    drawing().convert("L").point(lambda value: 255 if value > 99 else 0).save("mask.png")
    (fake_session.folder / "root" / "loras").mkdir()
    (fake_session.folder / "root" / "loras" / "film.safetensors").write_bytes(b"")
    assert fake_session.run("!check a cat -I sketch.png -M mask.png --lora film:.5 -U 2") is Outcome.OK, (
        fake_session.errors
    )
    for text in ("mask     mask.png: ", "lora     film: weight 0.5", "after    enlarged 2 times"):
        assert text in fake_session.messages


def test_check_emits_each_notice_once(fake_session: SessionHarness, sketch: Path) -> None:
    fake_session.run("!check a cat -I sketch.png -s 9 --real_steps 3 -f .5 | b -f .5 --lora x,y,z")
    assert fake_session.notices == ["-s 9 has no effect: --real_steps 3 needs 6 steps"]


@pytest.mark.feature("memory-shown")
def test_mem_reports_memory_and_loaded_models(harness: SessionHarness) -> None:
    harness.draw("a cat -s2")
    harness.run("!mem")
    used, peak, free, total = (float(found) for found in re.findall(r"([\d.]+) GB", harness.messages))
    assert used <= peak <= total and 0 < free <= total
    assert "tiny" in harness.messages.partition("loaded: ")[2]


def test_aliases_are_named_lines_that_combine(harness: SessionHarness) -> None:
    assert harness.run('!alias oil oil painting -C 9 --neg "blurry, flat"') is Outcome.OK
    harness.draw("!oil a castle -s2 -S1")
    line = harness.saved[0].line
    assert line.startswith("a castle, oil painting ") and "-C 9" in line and '--neg "blurry, flat"' in line
    harness.draw("!oil a castle -s2 -C 4")
    assert "-C 4" in harness.saved[0].line
    harness.run("!alias")
    assert "!oil" in harness.messages
    harness.run('!alias clean --neg "ugly, noise" -s 3')
    assert harness.run("!oil !clean a fox -s 2 -S1 -W 64 -H 64 --neg dog") is Outcome.OK, harness.errors
    assert harness.saved[0].line.startswith("a fox, oil painting -s 2 -S 1 -W 64 -H 64 -C 9")
    assert '--neg "dog, ugly, noise, blurry, flat"' in harness.saved[0].line
    assert harness.run("!oil !models") is Outcome.UNREADABLE and harness.errors == ["no such alias: !models"]
    harness.run("!alias oil none")
    assert harness.run("!oil a castle") is Outcome.UNREADABLE
    for bad in ("!alias help a cat", "!alias 5x a cat", "!alias bad -s 0"):
        assert harness.run(bad) is not Outcome.OK, bad


def test_dream_generates_and_clear_forgets_the_line_history(harness: SessionHarness) -> None:
    harness.draw("!dream a cat -s2 -S1")
    assert harness.run("!clear") is Outcome.OK
    assert harness.of(Forget)


@pytest.mark.parametrize("name", REMOVED_COMMANDS)
def test_the_error_of_a_removed_command_names_its_replacement(fake_session: SessionHarness, name: str) -> None:
    assert fake_session.run(f"!{name} x") is Outcome.UNREADABLE
    assert f"!{name} of InvokeAI 2.x was removed" in fake_session.errors[0]
    hint = fake_session.of(Failed)[0].error.hint
    assert hint.split()[0].removeprefix("!") in {command.name for command in COMMANDS}


@pytest.mark.parametrize(("typed", "near"), [("!histroy", "!history"), ("!fecth x", "!fetch"), ("!xyzzy", "!help")])
def test_the_error_of_an_unknown_command_names_the_nearest(fake_session: SessionHarness, typed: str, near: str) -> None:
    assert fake_session.run(typed) is Outcome.UNREADABLE
    assert near in fake_session.of(Failed)[0].error.hint


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_handles_missing_and_odd_arguments(fake_session: SessionHarness, command: str) -> None:
    for argument in ("", '"', "💥 \\", "999999999999999", "a" * 3000, "-s", "'"):
        if command == "open" and not argument:
            continue
        outcome = fake_session.run(f"!{command} {argument}")
        assert outcome in (Outcome.OK, Outcome.FAILED, Outcome.UNREADABLE)
        assert not any("internal error" in text for text in fake_session.errors), (argument, fake_session.errors)
    assert fake_session.draw("a cat -s2 -S1")


def test_again_repeats_resolved_references_and_seeds(harness: SessionHarness) -> None:
    first, second = harness.draw("a cat -s2 -S1..2")
    (oil,) = harness.draw("oil -I @last -s4 -S3 -f .5")
    harness.draw("!again -f+.25")
    assert f"-I {second.name}" in harness.saved[0].line
    harness.draw("a dog -s2 -S -1 -n 2")
    seeds = [saved.seed for saved in harness.saved]
    harness.draw("!again")
    assert [saved.seed for saved in harness.saved] == seeds
    assert harness.run("a bird -A nothing") is not Outcome.OK
    harness.draw("!again")
    assert harness.saved[0].line.startswith("a dog")
    assert first.exists() and oil.exists()


def test_a_file_as_default_output_is_replaced_by_each_line(harness: SessionHarness) -> None:
    harness.run("!set -o cat.png")
    harness.draw("a cat -s2 -S1")
    harness.draw("oil -I @last -s2 -S2 -f .6")
    assert harness.notices[0] == "replaced cat.png" and "-I cat.png" in harness.saved[0].line
    assert not (harness.folder / "outputs").exists()


@pytest.mark.feature("topics")
@pytest.mark.parametrize(("line", "topic"), [("!recipes", "recipes"), ("!samplers", "samplers"), ("!keys now", "keys")])
def test_a_help_topic_is_shown_by_its_name(fake_session: SessionHarness, line: str, topic: str) -> None:
    assert fake_session.run(f"!help {topic}") is Outcome.OK
    page = fake_session.messages
    assert fake_session.run(line) is Outcome.OK and fake_session.messages == page


def test_near_spellings_of_topics_and_usages_are_named(fake_session: SessionHarness) -> None:
    for line, hint in (
        ("!recipe", "!help recipes"),
        ("!strenght", "!help strength"),
        ("!plot", "!plot strength -s50"),
        ("!plot nothing", "!plot strength -s50"),
        ("!histroy", "did you mean !history?"),
    ):
        assert fake_session.run(line) is not Outcome.OK
        (failed,) = fake_session.of(Failed)
        assert hint in (failed.error.hint or ""), line


@pytest.mark.parametrize(("name", "instead"), [("xformers", "sdpa"), ("Torch-SDP", "sdpa"), ("normal", "math")])
def test_attention_of_other_programs_names_what_replaces_it(
    fake_session: SessionHarness, name: str, instead: str
) -> None:
    assert fake_session.run(f"a cat --attention {name}") is not Outcome.OK
    assert fake_session.errors[0].endswith(f"; {instead} replaces it")
