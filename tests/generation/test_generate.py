"""Generation on both engines: files, seeds, numbers, echo lines, notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Done, Planned, Saved, Start, Step, Tokenized
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.planning.seeds import seed_run
from tests.session_harness import SessionHarness, image_facts, is_fake, pixels, size


@pytest.mark.feature("defaults")
def test_a_prompt_alone_generates_an_image(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat")
    assert path.name.startswith("000001.")
    assert size(path) == (64, 64)
    assert harness.saved[0].steps_taken == 30


@pytest.mark.feature("seed")
def test_a_random_seed_is_echoed_recorded_and_reproduces_the_file(harness: SessionHarness) -> None:
    (first,) = harness.draw("a cat -s4")
    seed = harness.saved[0].seed
    assert f"-S {seed}" in harness.saved[0].line
    assert image_facts(first)["seed"] == seed
    assert first.name == f"000001.{seed}.png"
    (second,) = harness.draw(f"a cat -s4 -S {seed}")
    assert first.read_bytes() == second.read_bytes()
    (third,) = harness.draw("a cat -s4")
    assert harness.saved[0].seed != seed
    assert third.read_bytes() != first.read_bytes()


@pytest.mark.parametrize("seed", [2**32, 1125899906842624 + 7, 2**64 - 1])
@pytest.mark.parametrize("switches", ["", "-A k_euler_a", "-A dpmpp_sde", "--perlin .2 -V {seed}:0.3"])
def test_a_seed_of_64_bits_is_recorded_and_gives_the_image_of_its_low_32_bits(
    harness: SessionHarness, seed: int, switches: str
) -> None:
    (long,) = harness.draw(f"a cat -s2 -S {seed} {switches.format(seed=seed)}")
    assert any(f"seed {seed} gives the same image as {seed % 2**32}" in text for text in harness.notices)
    assert (harness.saved[0].seed, image_facts(long)["seed"]) == (seed, seed)
    (short,) = harness.draw(f"a cat -s2 -S {seed % 2**32} {switches.format(seed=seed % 2**32)}")
    assert pixels(long) == pixels(short) or is_fake(harness), "the fake engine draws no noise"
    assert not any("same image" in text for text in harness.notices)


def test_seeds_of_64_bits_work_in_lists_references_searches_and_verification(harness: SessionHarness) -> None:
    top = 2**64 - 1
    harness.draw(f"a cat -s2 -S {top - 1}..{top}")
    assert [event.seed for event in harness.saved] == [top - 1, top]
    harness.draw("a dog -s2 -S -1")
    assert harness.saved[0].seed == top
    harness.run(f"!search seed={top}")
    assert "a dog" in harness.messages
    assert harness.run("!verify 2") is Outcome.OK
    assert harness.run(f"a cat -S {top + 1}") is Outcome.UNREADABLE


@pytest.mark.parametrize("seed", [0, 1592514025, 2**32 - 1])
def test_32_bit_seeds_are_accepted(harness: SessionHarness, seed: int) -> None:
    harness.draw(f"a cat -s2 -S{seed}")
    assert harness.saved[0].seed == seed


@pytest.mark.feature("count")
def test_files_of_n_equal_those_of_single_runs(harness: SessionHarness) -> None:
    many = harness.draw("a cat -s3 -n4 -S 42")
    seeds = [event.seed for event in harness.saved]
    assert seeds == list(seed_run(42, 4))
    assert [path.name.split(".")[0] for path in many] == ["000001", "000002", "000003", "000004"]
    for path, seed in zip(many, seeds, strict=True):
        (single,) = harness.draw(f"a cat -s3 -S {seed}")
        assert single.read_bytes() == path.read_bytes()


def test_n_images_are_generated_per_listed_seed(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -n2 -S 5,9")
    assert [event.seed for event in harness.saved] == [*seed_run(5, 2), *seed_run(9, 2)]


def test_random_seeds_do_not_depend_on_earlier_lines(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S 42")
    harness.draw("a cat -s2")
    first = harness.saved[0].seed
    assert first != 478163327, "InvokeAI 2.x always chose this seed after -S 42"
    harness.draw("a cat -s2 -S 42")
    harness.draw("a cat -s2")
    assert harness.saved[0].seed != first


def test_seed_minus_1_is_the_last_image_s_seed(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S 77")
    harness.draw("a dog -s2 -S -1")
    assert harness.saved[0].seed == 77
    assert harness.run("a dog -S -9") is Outcome.FAILED
    assert "has no such image" in harness.errors[0]


@pytest.mark.feature("guidance")
def test_guidance_scale_is_recorded_exactly(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s2 -C0.1")
    assert image_facts(path)["cfg_scale"] == 0.1


@pytest.mark.feature("negative-prompt")
def test_brackets_and_neg_generate_the_same_pixels(harness: SessionHarness) -> None:
    (bracketed,) = harness.draw("a cat [blurry] -s3 -S1")
    (switched,) = harness.draw("a cat --neg blurry -s3 -S1")
    (without,) = harness.draw("a cat -s3 -S1")
    assert pixels(bracketed) == pixels(switched) != pixels(without)
    assert image_facts(switched)["negative_prompt"] == "blurry"
    assert "[blurry]" in read_chunks(bracketed)["Dream"]


@pytest.mark.feature("size")
def test_sizes_are_rounded_down_to_the_grid(harness: SessionHarness) -> None:
    assert size(harness.draw("a cat -s2 -W0 -H0")[0]) == (64, 64)
    assert size(harness.draw("a cat -s2 -W100 -H 72")[0]) == (96, 72)
    assert "width 100 is changed to 96" in harness.notices[0]
    assert size(harness.draw("a cat -s2 -W384 -H384")[0]) == (384, 384)


@pytest.mark.feature("strength")
def test_the_default_strength_is_0_75(harness: SessionHarness, sketch: Path) -> None:
    (explicit,) = harness.draw("a cat -s4 -S1 -I sketch.png -f0.75")
    (implicit,) = harness.draw("a cat -s4 -S1 -I sketch.png")
    assert explicit.read_bytes() == implicit.read_bytes()
    assert "-f 0.75" in harness.saved[0].line
    assert image_facts(implicit)["strength_steps"] == 0.75


@pytest.mark.feature("steps-taken")
def test_strength_0_7_of_10_steps_takes_7(harness: SessionHarness, sketch: Path) -> None:
    for strength, taken in (("0.7", 7), ("0.4", 4)):
        harness.draw(f"fire -s10 -I sketch.png -f {strength}")
        assert (harness.saved[0].steps_taken, harness.saved[0].steps_asked) == (taken, 10)
        assert f"{taken} of 10 steps" in harness.of(Planned)[0].text
        assert max(event.step for event in harness.of(Step)) == taken


@pytest.mark.feature("strength-zero")
def test_strength_0_returns_the_fitted_init_image(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("a cat -I sketch.png -f0 -W 96 -H 64")
    assert pixels(path) == pixels(sketch)
    assert not harness.of(Step)


@pytest.mark.feature("real-steps")
def test_real_steps_set_the_number_of_steps_taken(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("a cat --real_steps 6 -I sketch.png -f 0.4")
    assert harness.saved[0].steps_taken == 6
    facts = image_facts(path)
    assert (facts["steps_scheduled"], facts["steps_real"]) == (15, 6)


def test_events_of_a_line_come_in_order(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -n2")
    kinds = [type(event) for event in harness.events]
    assert kinds[0] is Start and kinds[-1] is Done
    assert kinds.index(Planned) < kinds.index(Step) < kinds.index(Saved)
    assert harness.of(Done)[0].images == 2


def test_a_dry_run_reports_the_same_plan_and_generates_nothing(harness: SessionHarness) -> None:
    harness.draw("a cat -s5 -S3 -W 96")
    real = dict(harness.of(Planned)[0].plan)
    assert harness.run("a cat -s5 -S3 -W 96 --dry_run") is Outcome.OK
    assert dict(harness.of(Planned)[0].plan) == real
    assert not harness.saved and not harness.of(Step)
    assert harness.run("!plan a cat -s5 -S3 -W 96") is Outcome.OK
    assert dict(harness.of(Planned)[0].plan) == real


def test_tokens_are_shown_with_those_that_are_cut(harness: SessionHarness) -> None:
    harness.draw("a cat [dog] -s2 -t")
    prompt, negative = harness.of(Tokenized)
    assert (prompt.name, negative.name) == ("prompt", "negative") and prompt.windows and not prompt.cut
    harness.draw(f"{'cat ' * 90}-s2 -t")
    (tokenized,) = harness.of(Tokenized)
    # The fake engine cuts after one window; the real one splits words into the tiny model's tokens.
    cut, windows = (("cat",) * 15, 1) if is_fake(harness) else ((), 4)
    assert tokenized.cut == cut and len(tokenized.windows) == windows
    harness.draw("a cat -s2 | a dog -f .5 -t")
    assert [event.name for event in harness.of(Tokenized)] == ["prompt of stage 1", "prompt of stage 2"]


def test_session_defaults_apply_under_the_line(harness: SessionHarness) -> None:
    harness.run("!set -s 6 -C 3")
    harness.draw("a cat -C 4")
    assert "-s 6" in harness.saved[0].line and "-C 4" in harness.saved[0].line
    harness.run("!show")
    shown = {line.rsplit("  ", 1)[0].strip(): line.rsplit("  ", 1)[1] for line in harness.messages.splitlines()}
    assert shown["-s 6"] == "!set" and shown["-n 1"] == "program" and shown["-A k_lms"] == "family"
    harness.run("!set reset")
    harness.draw("a cat -s2")
    assert "-C 7.5" in harness.saved[0].line


@pytest.mark.parametrize(
    ("line", "explicit"),
    [
        ("a cat -S 20", "-S 20 sets the seed"),
        ("a cat -C 14 -s2", "strong guidance"),
        ("a cat -s10 -f .3 -I sketch.png", "--real_steps"),
        ("a cat -s2 -I sketch.png -W 512 -H 344", "larger, sharper"),
    ],
)
def test_tips_are_shown_once_per_session(harness: SessionHarness, sketch: Path, line: str, explicit: str) -> None:
    harness.draw(line)
    assert any(explicit in text for text in harness.notices)
    harness.draw(line)
    assert not any(explicit in text for text in harness.notices)


def test_contradictory_switches_are_an_error(harness: SessionHarness, sketch: Path) -> None:
    assert harness.run("a cat -I sketch.png --fit --crop") is Outcome.FAILED
    assert "cannot be combined" in harness.errors[0]


def test_switches_without_a_prompt_or_image_are_an_error(harness: SessionHarness) -> None:
    assert harness.run("-s5") is Outcome.FAILED
    assert harness.errors == ["nothing to generate"]


@pytest.mark.parametrize(
    ("line", "explicit"),
    [
        ("a cat -f 0.3", "-f needs an init image"),
        ("a cat --crop", "--crop needs an init image"),
        ("a cat --real_steps 9", "--real_steps needs an init image"),
        ("a cat -I sketch.png --mask_grow 5", "--mask_grow needs a mask"),
        ("a cat -M sketch.png", "-M needs an init image"),
    ],
)
def test_a_switch_without_effect_is_rejected(harness: SessionHarness, sketch: Path, line: str, explicit: str) -> None:
    assert harness.run(line) is Outcome.FAILED and explicit in harness.errors[0]


def test_session_defaults_that_need_an_init_image_are_ignored_without_one(harness: SessionHarness) -> None:
    harness.run("!set -f 0.3 --crop --mask_grow 4")
    assert harness.run("a cat -s2") is Outcome.OK


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("a (red:1.3) cat, ((sharp))", "a (red)1.3 cat, (sharp)1.21"), ("a cat BREAK a dog", '("a cat","a dog").and()')],
)
def test_prompt_syntax_a1111_gives_the_image_of_our_spelling(harness: SessionHarness, theirs: str, ours: str) -> None:
    (path,) = harness.draw(f"{theirs} -s2 -S1 --prompt_syntax a1111")
    assert "--prompt_syntax a1111" in harness.saved[0].line
    (same,) = harness.draw(f"{ours} -s2 -S1")
    assert pixels(path) == pixels(same) or is_fake(harness)
    assert harness.run("!verify 1") is Outcome.OK
    harness.run("!set --prompt_syntax a1111")
    (session_wide,) = harness.draw(f"{theirs} -s2 -S1")
    assert pixels(path) == pixels(session_wide)


def test_a_list_of_a1111_is_read_in_its_syntax(harness: SessionHarness) -> None:
    folder = harness.session.context.settings.paths.data_folders("wildcards")[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pets.txt").write_text("a hare\n", encoding="utf-8")
    harness.draw("__pets__ in {a} (field) -s2 -S1 --prompt_syntax a1111")
    assert harness.saved[0].line.startswith("a hare in \\{a\\} (field)")
