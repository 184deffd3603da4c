"""What a line makes, on both engines: files, numbers, echo lines, notices (features.md B and C by number)."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Done, Planned, Saved, Start, Step, Tokenized
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.planning.seeds import seed_run
from tests.session_harness import House, image_facts, is_fake, pixels, size


def test_b15_a_bare_line_works(house: House) -> None:
    (path,) = house.draw("a cat")
    assert path.name.startswith("000001.")
    assert size(path) == (64, 64)
    assert house.saved[0].steps_taken == 30


def test_b4_a_drawn_seed_is_told_stored_and_repeats_the_file(house: House) -> None:
    (first,) = house.draw("a cat -s4")
    seed = house.saved[0].seed
    assert f"-S {seed}" in house.saved[0].line
    assert image_facts(first)["seed"] == seed
    assert first.name == f"000001.{seed}.png"
    (second,) = house.draw(f"a cat -s4 -S {seed}")
    assert first.read_bytes() == second.read_bytes()
    (third,) = house.draw("a cat -s4")
    assert house.saved[0].seed != seed
    assert third.read_bytes() != first.read_bytes()


@pytest.mark.parametrize("seed", [0, 1592514025, 2**32 - 1])
def test_b4_all_seeds_are_accepted(house: House, seed: int) -> None:
    house.draw(f"a cat -s2 -S{seed}")
    assert house.saved[0].seed == seed


def test_b5_n_makes_files_that_equal_single_runs(house: House) -> None:
    many = house.draw("a cat -s3 -n4 -S 42")
    seeds = [event.seed for event in house.saved]
    assert seeds == list(seed_run(42, 4))
    assert [path.name.split(".")[0] for path in many] == ["000001", "000002", "000003", "000004"]
    for path, seed in zip(many, seeds, strict=True):
        (single,) = house.draw(f"a cat -s3 -S {seed}")
        assert single.read_bytes() == path.read_bytes()


def test_seeds_2_n_and_seed_lists(house: House) -> None:
    house.draw("a cat -s2 -n2 -S 5,9")
    assert [event.seed for event in house.saved] == [*seed_run(5, 2), *seed_run(9, 2)]


def test_seeds_no_later_line_depends_on_a_seed(house: House) -> None:
    house.draw("a cat -s2 -S 42")
    house.draw("a cat -s2")
    first = house.saved[0].seed
    assert first != 478163327, "InvokeAI 2.x always drew this after -S 42"
    house.draw("a cat -s2 -S 42")
    house.draw("a cat -s2")
    assert house.saved[0].seed != first


def test_b4_minus_one_recalls_the_last_image_s_seed(house: House) -> None:
    house.draw("a cat -s2 -S 77")
    house.draw("a dog -s2 -S -1")
    assert house.saved[0].seed == 77
    assert house.run("a dog -S -9") is Outcome.FAILED
    assert "no earlier image" in house.errors[0]


def test_b3_the_exact_number_is_kept(house: House) -> None:
    (path,) = house.draw("a cat -s2 -C0.1")
    assert image_facts(path)["cfg_scale"] == 0.1


def test_b6_both_spellings_of_a_negative_prompt_make_the_same_pixels(house: House) -> None:
    (bracketed,) = house.draw("a cat [blurry] -s3 -S1")
    (switched,) = house.draw("a cat --neg blurry -s3 -S1")
    (without,) = house.draw("a cat -s3 -S1")
    assert pixels(bracketed) == pixels(switched) != pixels(without)
    assert image_facts(switched)["negative_prompt"] == "blurry"
    assert "[blurry]" in read_chunks(bracketed)["Dream"]


def test_b10_sizes(house: House) -> None:
    assert size(house.draw("a cat -s2 -W0 -H0")[0]) == (64, 64)
    assert size(house.draw("a cat -s2 -W100 -H 72")[0]) == (96, 72)
    assert "width 100 becomes 96" in house.notices[0]
    assert size(house.draw("a cat -s2 -W384 -H384")[0]) == (384, 384)


def test_b12_the_default_strength_is_three_quarters(house: House, sketch: Path) -> None:
    (said,) = house.draw("a cat -s4 -S1 -I sketch.png -f0.75")
    (unsaid,) = house.draw("a cat -s4 -S1 -I sketch.png")
    assert said.read_bytes() == unsaid.read_bytes()
    assert "-f 0.75" in house.saved[0].line
    assert image_facts(unsaid)["strength_steps"] == 0.75


def test_c1_the_echo_says_steps_of_steps(house: House, sketch: Path) -> None:
    for strength, taken in (("0.7", 7), ("0.4", 4)):
        house.draw(f"fire -s10 -I sketch.png -f {strength}")
        assert (house.saved[0].steps_taken, house.saved[0].steps_asked) == (taken, 10)
        assert f"{taken} of 10 steps" in house.of(Planned)[0].text
        assert max(event.step for event in house.of(Step)) == taken


def test_c3_strength_0_gives_the_fitted_input_back(house: House, sketch: Path) -> None:
    (path,) = house.draw("a cat -I sketch.png -f0 -W 96 -H 64")
    assert pixels(path) == pixels(sketch)
    assert not house.of(Step)


def test_c11_real_steps(house: House, sketch: Path) -> None:
    (path,) = house.draw("a cat --real_steps 6 -I sketch.png -f 0.4")
    assert house.saved[0].steps_taken == 6
    facts = image_facts(path)
    assert (facts["steps_scheduled"], facts["steps_real"]) == (15, 6)


def test_the_events_of_a_line_come_in_order(house: House) -> None:
    house.draw("a cat -s2 -n2")
    kinds = [type(event) for event in house.events]
    assert kinds[0] is Start and kinds[-1] is Done
    assert kinds.index(Planned) < kinds.index(Step) < kinds.index(Saved)
    assert house.of(Done)[0].images == 2


def test_a_dry_run_says_the_same_numbers_and_loads_nothing(house: House) -> None:
    house.draw("a cat -s5 -S3 -W 96")
    real = dict(house.of(Planned)[0].plan)
    assert house.run("a cat -s5 -S3 -W 96 --dry_run") is Outcome.OK
    assert dict(house.of(Planned)[0].plan) == real
    assert not house.saved and not house.of(Step)
    assert house.run("!plan a cat -s5 -S3 -W 96") is Outcome.OK
    assert dict(house.of(Planned)[0].plan) == real


def test_tokens_are_shown_with_what_is_cut(house: House) -> None:
    house.draw("a cat [dog] -s2 -t")
    wanted, avoided = house.of(Tokenized)
    assert (wanted.name, avoided.name) == ("prompt", "negative") and wanted.windows and not wanted.cut
    house.draw(f"{'cat ' * 90}-s2 -t")
    (told,) = house.of(Tokenized)
    # The fake engine reads one window and cuts; the real one reads the tiny model's tokens, a part of a word each.
    cut, windows = (("cat",) * 15, 1) if is_fake(house) else ((), 4)
    assert told.cut == cut and len(told.windows) == windows
    house.draw("a cat -s2 | a dog -f .5 -t")
    assert [event.name for event in house.of(Tokenized)] == ["prompt of stage 1", "prompt of stage 2"]


def test_defaults_are_layered(house: House) -> None:
    house.run("!set -s 6 -C 3")
    house.draw("a cat -C 4")
    assert "-s 6" in house.saved[0].line and "-C 4" in house.saved[0].line
    house.run("!show")
    shown = {line.rsplit("  ", 1)[0].strip(): line.rsplit("  ", 1)[1] for line in house.messages.splitlines()}
    assert shown["-s 6"] == "!set" and shown["-n 1"] == "program" and shown["-A k_lms"] == "family"
    house.run("!set reset")
    house.draw("a cat -s2")
    assert "-C 7.5" in house.saved[0].line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a cat -S 20", "-S 20 is the seed"),
        ("a cat -C 14 -s2", "strong guidance"),
        ("a cat -s10 -f .3 -I sketch.png", "--real_steps"),
        ("a cat -s2 -I sketch.png -W 512 -H 344", "larger, sharper"),
    ],
)
def test_tips_come_once_a_session(house: House, sketch: Path, line: str, said: str) -> None:
    house.draw(line)
    assert any(said in text for text in house.notices)
    house.draw(line)
    assert not any(said in text for text in house.notices)


def test_switches_that_exclude_each_other(house: House, sketch: Path) -> None:
    assert house.run("a cat -I sketch.png --fit --crop") is Outcome.FAILED
    assert "exclude each other" in house.errors[0]


def test_nothing_to_draw(house: House) -> None:
    assert house.run("-s5") is Outcome.FAILED
    assert house.errors == ["nothing to draw"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a cat -f 0.3", "-f needs an init image"),
        ("a cat --crop", "--crop needs an init image"),
        ("a cat --real_steps 9", "--real_steps needs an init image"),
        ("a cat -I sketch.png --mask_grow 5", "--mask_grow needs a mask"),
        ("a cat -M sketch.png", "-M needs an init image"),
    ],
)
def test_a_switch_that_means_nothing_is_refused(house: House, sketch: Path, line: str, said: str) -> None:
    assert house.run(line) is Outcome.FAILED and said in house.errors[0]


def test_defaults_of_the_session_wait_for_their_turn(house: House) -> None:
    house.run("!set -f 0.3 --crop --mask_grow 4")
    assert house.run("a cat -s2") is Outcome.OK
