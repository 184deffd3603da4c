"""The commands: each as its user would meet it, on both engines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL.PngImagePlugin import PngInfo

from invoke_cli.commands.table import COMMANDS, GONE
from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed, Forget
from tests.conftest import drawing
from tests.session_harness import House, pixels


def test_history_and_search(house: House) -> None:
    house.run("!history")
    assert "no images yet" in house.messages
    house.draw("a red fox -s2 -n2")
    house.draw("a blue boat -s2")
    house.run("!history 2")
    assert [line.split("]")[0] for line in house.messages.splitlines()] == ["[2", "[3"]
    house.run("!search FOX red")
    assert len(house.messages.splitlines()) == 2
    house.run("!search zebra")
    assert "zebra" in house.messages


def test_a_number_brings_its_line_back(house: House) -> None:
    house.draw("a red fox -s2 -S5")
    house.run("!1")
    assert house.prefills == [house.session.workshop.folder().history.get(1).line]  # type: ignore[union-attr]
    assert house.run("!7") is Outcome.FAILED


def test_again_keeps_the_seed_and_adds(house: House, sketch: Path) -> None:
    assert house.run("!again") is Outcome.FAILED
    (first,) = house.draw("a cat -s4 -f.5 -I sketch.png")
    seed = house.saved[0].seed
    (same,) = house.draw("!again")
    assert same.read_bytes() == first.read_bytes()
    house.draw("!again -f+.1 -s+2 -C-2.5 -W+8")
    line = house.saved[0].line
    assert f"-S {seed} " in line and "-f 0.6" in line and "-s 6" in line and "-C 5" in line and "-W 72" in line
    house.draw("!again -f.2")
    assert "-f 0.2" in house.saved[0].line and "-s 6" in house.saved[0].line
    assert house.run("!again -f+.9") is not Outcome.OK
    assert house.run("!again -S+1") is Outcome.FAILED and "nothing can be added" in house.errors[0]


def test_again_of_a_former_session(house: House) -> None:
    (first,) = house.draw("a cat -s2")
    house.session.workshop.last_stages = ()
    assert pixels(house.draw("!again")[0]) == pixels(first)


def test_fetch_gives_the_line_that_makes_the_picture(house: House) -> None:
    (path,) = house.draw('"a \\"quoted\\" cat, -x" [dog] -s2'.replace(" [dog]", ""))
    house.run(f"!fetch {path}")
    assert pixels(house.draw(house.prefills[0])[0]) == pixels(path)


def test_fetch_from_elsewhere_tells_what_is_lost(house: House) -> None:
    info = PngInfo()
    info.add_text("Dream", "a cat -s 2 -S 5 -W 64 -H 64 -A k_euler --karras_max 29 # model_id=sd-1.4")
    drawing().save("theirs.png", pnginfo=info)
    house.run("!fetch theirs.png")
    assert house.prefills == ["a cat -s 2 -S 5 -W 64 -H 64 -A k_euler"]
    assert any("--karras_max 29" in text for text in house.notices)
    drawing().save("plain.png")
    assert house.run("!fetch plain.png") is Outcome.FAILED
    assert "does not say" in house.errors[0]


def test_info_shows_everything_and_drives_no_terminal(house: House) -> None:
    info = PngInfo()
    info.add_text("Dream", "a cat \x1b[2J -s 2")
    drawing().save("evil.png", pnginfo=info)
    house.run("!info evil.png")
    assert "\x1b" not in house.messages and "96x64" in house.messages
    house.draw("a cat -s2")
    house.run("!info 1")
    assert "identical" not in house.messages and "sd-metadata" in house.messages


def test_rm_moves_to_the_trash_with_what_belongs_to_it(house: House) -> None:
    (path,) = house.draw("a cat -s2 -S1 --strip --save_intermediates")
    assert house.run("!rm 1") is Outcome.OK
    assert not path.exists()
    trash = house.folder / "outputs" / ".invoke" / "trash"
    assert {entry.name for entry in trash.iterdir()} == {"000001.1.png", "000001.1.steps.png", "000001.1"}
    house.run("!history")
    assert "000001" not in house.messages
    assert house.draw("a cat -s2 -S1")[0].name == "000002.1.png"
    assert house.run("!rm 1") is Outcome.FAILED


def test_check(house: House, sketch: Path) -> None:
    assert house.run('!check "a cat" -I sketch.png') is Outcome.OK
    for word in ("weights", "sketch.png", "tokens", "memory"):
        assert word in house.messages
    assert house.run("!check a cat -I none.png") is Outcome.FAILED


def test_mem(house: House) -> None:
    house.draw("a cat -s2")
    house.run("!mem")
    used, peak, free, total = (float(found) for found in re.findall(r"([\d.]+) GB", house.messages))
    assert used <= peak <= total and 0 < free <= total
    assert "tiny" in house.messages.partition("loaded: ")[2]


def test_aliases_are_lines_with_a_name(house: House) -> None:
    assert house.run('!alias oil oil painting -C 9 --neg "blurry, flat"') is Outcome.OK
    house.draw("!oil a castle -s2 -S1")
    line = house.saved[0].line
    assert line.startswith("a castle, oil painting ") and "-C 9" in line and '--neg "blurry, flat"' in line
    house.draw("!oil a castle -s2 -C 4")
    assert "-C 4" in house.saved[0].line
    house.run("!alias")
    assert "!oil" in house.messages
    house.run('!alias clean --neg "ugly, noise" -s 3')
    assert house.run("!oil !clean a fox -s 2 -S1 -W 64 -H 64 --neg dog") is Outcome.OK, house.errors
    assert house.saved[0].line.startswith("a fox, oil painting -s 2 -S 1 -W 64 -H 64 -C 9")
    assert '--neg "dog, ugly, noise, blurry, flat"' in house.saved[0].line
    assert house.run("!oil !models") is Outcome.UNREADABLE and house.errors == ["!models is no alias"]
    house.run("!alias oil none")
    assert house.run("!oil a castle") is Outcome.UNREADABLE
    for bad in ("!alias help a cat", "!alias 5x a cat", "!alias bad -s 0"):
        assert house.run(bad) is not Outcome.OK, bad


def test_dream_and_clear(house: House) -> None:
    house.draw("!dream a cat -s2 -S1")
    assert house.run("!clear") is Outcome.OK
    assert house.of(Forget)


@pytest.mark.parametrize("name", GONE)
def test_commands_that_have_gone_say_what_replaces_them(fake_house: House, name: str) -> None:
    assert fake_house.run(f"!{name} x") is Outcome.UNREADABLE
    assert f"!{name} of InvokeAI 2.x has gone" in fake_house.errors[0]
    hint = fake_house.of(Failed)[0].error.hint
    assert hint.split()[0].removeprefix("!") in {command.name for command in COMMANDS}


@pytest.mark.parametrize(("typed", "near"), [("!histroy", "!history"), ("!fecth x", "!fetch"), ("!xyzzy", "!help")])
def test_an_unknown_command_names_the_nearest(fake_house: House, typed: str, near: str) -> None:
    assert fake_house.run(typed) is Outcome.UNREADABLE
    assert near in fake_house.of(Failed)[0].error.hint


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_survives_no_and_odd_arguments(fake_house: House, command: str) -> None:
    for argument in ("", '"', "💥 \\", "999999999999999", "a" * 3000, "-s", "'"):
        if command == "open" and not argument:
            continue
        outcome = fake_house.run(f"!{command} {argument}")
        assert outcome in (Outcome.OK, Outcome.FAILED, Outcome.UNREADABLE)
        assert not any("error in the program" in text for text in fake_house.errors), (argument, fake_house.errors)
    assert fake_house.draw("a cat -s2 -S1")


def test_again_means_what_the_line_meant(house: House) -> None:
    first, second = house.draw("a cat -s2 -S1..2")
    (oil,) = house.draw("oil -I @last -s4 -S3 -f .5")
    house.draw("!again -f+.25")
    assert f"-I {second.name}" in house.saved[0].line
    house.draw("a dog -s2 -S -1 -n 2")
    seeds = [saved.seed for saved in house.saved]
    house.draw("!again")
    assert [saved.seed for saved in house.saved] == seeds
    assert house.run("a bird -A nothing") is not Outcome.OK
    house.draw("!again")
    assert house.saved[0].line.startswith("a dog")
    assert first.exists() and oil.exists()


def test_a_file_as_session_default_keeps_the_books_in_outputs(house: House) -> None:
    house.run("!set -o cat.png")
    house.draw("a cat -s2 -S1")
    house.draw("oil -I @last -s2 -S2 -f .6")
    house.run("!history")
    assert "cat.png" in house.messages
    assert (house.folder / "cat.png").is_file() and (house.folder / "outputs" / ".invoke").is_dir()
