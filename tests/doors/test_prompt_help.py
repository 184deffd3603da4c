"""What the prompt does for who types: suggestions, search, remarks, counts, pasted batches, the editor, keys, links."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prompt_toolkit.key_binding.defaults import load_key_bindings
from prompt_toolkit.key_binding.key_bindings import KeysTuple

from invoke_cli.commands.helping import help_text
from invoke_cli.commands.table import COMMANDS
from invoke_cli.console.console import Console, Look, look_for
from invoke_cli.console.themes import THEMES, theme_for
from invoke_cli.errors import CommandError, ConfigError
from invoke_cli.events import Prefill, Saved
from invoke_cli.language.completion import complete
from invoke_cli.language.keys import KEYS
from invoke_cli.language.launch import LAUNCH_OPTIONS
from invoke_cli.models.folder import read_facts
from invoke_cli.models.wording import CLIP_MERGES, CLIP_VOCABULARY, token_reader
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl import loop
from invoke_cli.repl.adapters import fragments
from invoke_cli.repl.asking import Question, content
from invoke_cli.repl.checking import remark
from invoke_cli.repl.counting import Count, Counter
from invoke_cli.repl.editing import edited, editor_command
from invoke_cli.repl.greeting import bell_seconds, greeting
from invoke_cli.repl.missing import Missing
from invoke_cli.repl.sources import sources_for
from invoke_cli.repl.toolbar import Toolbar
from invoke_cli.request import GenerationRequest
from invoke_cli.workshop.options import SessionOptions
from invoke_cli.workshop.settings import Settings
from tests.doors.program import Program, keys

PASTE = "\x1b[200~{}\x1b[201~"
DATABASE = Path("outputs/.invoke/history.sqlite3")


Prompt = loop._Prompt
Step = str | Callable[[Prompt], object]


def typed(*steps: Step) -> str:
    """A session at the prompt: keys, and conditions that must come true before the next ones are pressed; what was on
    the screen.
    """
    failed: list[Step] = []

    def type_all(prompt: Prompt) -> None:
        for step in (*steps, "q\n"):
            if isinstance(step, str):
                pipe.send_text(step)
                continue
            deadline = time.monotonic() + 20
            while not step(prompt) and not failed:
                time.sleep(0.01)
                if time.monotonic() > deadline:
                    failed.append(step)
                    pipe.send_text("\x03\x03\x15q\n")
                    return

    with keys() as (pipe, screen), pytest.MonkeyPatch.context() as patch:
        run = Prompt.run

        def run_and_type(prompt: Prompt) -> None:
            fingers = threading.Thread(target=type_all, args=(prompt,))
            fingers.start()
            run(prompt)
            fingers.join()

        patch.setattr(Prompt, "run", run_and_type)
        assert loop.open_prompt({}, GenerationRequest()) == 0
    assert not failed
    return screen.getvalue()


def suggested(prompt: Prompt) -> bool:
    """Whether there is grey text behind the cursor."""
    return bool(prompt.input.default_buffer.suggestion)


def asked(prompt: Prompt) -> bool:
    """Whether there is a question about several lines."""
    return prompt.outside.question is not None


def found(count: int) -> Step:
    """Whether the search shows so many lines."""

    def shown(prompt: Prompt) -> bool:
        state = prompt.input.default_buffer.complete_state
        return prompt.search.on and state is not None and len(state.completions) == count

    return shown


def holds(text: str) -> Step:
    """Whether this, and nothing else, is in the input."""
    return lambda prompt: not prompt.search.on and not asked(prompt) and prompt.input.default_buffer.text == text


def drawn(program: Program) -> list[str]:
    """The beginnings of the lines of all pictures."""
    texts = [path.read_bytes() for path in program.images]
    return [text.split(b"Dream\0")[1].split(b" -s")[0].decode() for text in texts]


# -- lines of all sessions --------------------------------------------------------------------------------------------


def test_lines_of_other_sessions_are_suggested_and_found(program: Program) -> None:
    TypedLines(program.folder / DATABASE).remember("a red boat -s2 -S1", "a green boat -s3 -S2", "# boat")
    typed(
        "a r",
        suggested,
        "\x1b[C\n",
        "\x12",
        lambda prompt: prompt.search.on,
        "BOAT gre",
        found(1),
        "\r",
        holds("a green boat -s3 -S2"),
        "\n",
    )
    assert drawn(program) == ["a red boat", "a green boat"]


def test_a_search_that_is_given_up_leaves_what_was_typed(program: Program) -> None:
    TypedLines(program.folder / DATABASE).remember("a red boat -s2 -S1")
    typed("a boat -s2", "\x12", found(1), "\x1b[B", "\x03", holds("a boat -s2"), " -S5\n")
    assert drawn(program) == ["a boat"]


def test_of_many_lines_the_last_one_is_offered(tmp_path: Path) -> None:
    lines = TypedLines(tmp_path / "history.sqlite3")
    lines.remember(*(f"a castle on hill number {number} -s30" for number in range(5_000)))
    assert lines.beginning_with("a castle") == "a castle on hill number 4999 -s30"
    assert lines.beginning_with("nobody typed this") is None
    found = [line for line, _ in lines.holding("hill 777 castle", 100)]
    assert found == [f"a castle on hill number {number} -s30" for number in (4777, 3777, 2777, 1777, 777)]
    lines.forget()
    assert lines.recent(9) == [] and lines.beginning_with("a castle") is None


# -- the line while it is typed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "part", "said", "still_open"),
    [
        ("a cat -s 0 -C7", "0", "whole number", False),
        ("a cat -s", "-s", "needs a value", True),
        ("a [cat:dog:0.5] x -s3", "[cat:dog:0.5]", "a castle | a ruin", False),
        ('a cat --neg "foo', '"', "not closed", True),
        ("!fethc x", "!fethc", "did you mean !fetch?", False),
    ],
)
def test_what_is_wrong_is_said_and_underlined_while_typing(line: str, part: str, said: str, still_open: bool) -> None:
    found = remark(line, ("fetch", "help"))
    assert found is not None and said in found.text and found.open is still_open
    assert line[slice(*found.span)] == part
    if not line.startswith("!"):
        marked = "".join(char for style, char, *_ in fragments(line) if style in ("class:error", "class:open"))
        assert marked == part
    for good in ("a cat -s 5", "!fetch 3", "!17", "", "# -s 0", "a {red|blue} cat++ [dog]"):
        assert remark(good, ("fetch", "help")) is None


def test_what_is_not_there_is_said_while_typing(program: Program, sketch: Path) -> None:
    program(f"a cat -s2 -S1 -I {sketch} -f.5")
    missing = Missing(Settings(SessionOptions()))
    for line, part, said in (
        ("a cat -A k_eulr -s5", "k_eulr", "did you mean k_euler"),
        ("a cat -s5 | a dog -I pics/no.png -f .5", "pics/no.png", "there is no image pics/no.png"),
        ("a cat -I @last -M no.webp -s3", "no.webp", "no image no.webp"),
    ):
        found = remark(line, missing=missing)
        assert found is not None and said in found.text and line[slice(*found.span)] == part and not found.open
        marked = "".join(char for style, char, *_ in fragments(line, None, missing) if style == "class:error")
        assert marked == part
    unfinished = remark("a cat -A k_eu", missing=missing)
    assert unfinished is not None and unfinished.open
    sketch.rename(sketch.with_name("moved.png"))  # it was kept in the books
    names = ("000001.1.png", "0000", "moved.png", "https://x.org/a.png", "*.png", "@last:1", "!1", sketch.name)
    for line in (*(f"a cat -I {name} -s2" for name in names), "a cat -A dpmpp_2m_karras -s2", "a no.png cat -s3"):
        assert remark(line, missing=missing) is None, line


def test_tokens_are_counted_as_the_model_s_own_tokenizer_does(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    stock = CLIPTokenizer.from_pretrained(tiny_model / "tokenizer")
    read = token_reader(read_facts(tiny_model, "tiny"))
    assert read is not None
    for text in ("a red boat, don't go! 123", "Über naïve café 日本 🦊 x--y", "  many\n blanks ", ""):
        assert len(read(text)) == len(stock(text, add_special_tokens=False).input_ids)


def test_clip_is_counted_where_a_folder_has_no_tokenizer_json(tiny_model: Path, tmp_path: Path) -> None:
    from invoke_cli.engine.single_file import clip_tokenizer

    older = shutil.copytree(tiny_model, tmp_path / "older")
    shutil.rmtree(older / "tokenizer")
    read, stock = token_reader(read_facts(older, "older")), clip_tokenizer()
    assert read is not None
    for text in ("a red boat, don't go! 123", "Über naïve café 日本 🦊 x--y", "a" * 80):
        assert len(read(text)) == len(stock(text, add_special_tokens=False).input_ids)
    (older / "tokenizer").mkdir()
    (older / "tokenizer" / "vocab.json").write_text(json.dumps(stock.get_vocab()), encoding="utf-8")
    merges = gzip.decompress(CLIP_VOCABULARY.read_bytes()).decode().split("\n")[: CLIP_MERGES + 1]
    (older / "tokenizer" / "merges.txt").write_text("\n".join(merges), encoding="utf-8")
    again = token_reader(read_facts(older, "older"))
    assert again is not None and again("a red boat") == read("a red boat")


def test_a_damaged_tokenizer_is_not_counted_with_and_ends_no_session(tiny_model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tiny_model, tmp_path / "damaged")
    (damaged / "tokenizer" / "tokenizer.json").write_text("{", encoding="utf-8")
    assert token_reader(read_facts(damaged, "damaged")) is None


def test_where_a_long_prompt_goes_on_in_another_part_is_shown(program: Program) -> None:
    counter = Counter(Settings(SessionOptions()))
    assert counter.count("a cat") is None  # nothing is read before the session is open
    counter.refresh()
    line = f"{'9 ' * 75}fox -s 5"
    count = counter.count(line)
    assert count is not None and count.in_parts and count.cut == line.index("fox")
    styles = [style for style, *_ in fragments(line, count.cut)]
    assert styles.index("class:cut") == line.index("fox") and styles[line.index("-s")] == "class:switch"
    assert Count(tokens=80, window=75).text == "80 tokens, cut after 75"
    short = counter.count("9 [dog] -s5")
    assert short is not None and short.text == "1 of 75 tokens"


# -- several lines at once --------------------------------------------------------------------------------------------


def test_a_pasted_batch_is_asked_about_once(program: Program) -> None:
    batch = PASTE.format("a cat -s2 -S1\r\n# no\r\n\r\na dog -s2 -S2\r\na bird -s2 -S3\r\n")
    typed(batch, asked, "n", holds(""), batch, asked, "x", "y")
    assert drawn(program) == ["a cat", "a dog", "a bird"]
    assert TypedLines(program.folder / DATABASE).recent(2)[1] == "a bird -s2 -S3"


def test_one_pasted_line_is_only_inserted(program: Program) -> None:
    typed("a ", PASTE.format("cat -s2 -S1\n"), " -W 72\n")
    assert drawn(program) == ["a cat"]


def test_the_question_says_what_cannot_be_read() -> None:
    question = Question(lines=tuple(content("a\nb -s 0\n# c\n!help\nd\ne\nf\n")))
    assert question.text == "do 6 lines? [Y/n/edit] "
    assert "… and 2 more" in question.excerpt and "1 cannot be read: line 2: -s takes" in question.excerpt
    assert Question(lines=("a", "b")).text == "draw 2 lines? [Y/n/edit] "


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor that puts another line below what it is given."""
    script = tmp_path / "my editor"
    script.write_text('#!/bin/sh\necho "a dog -s2 -S9" >> "$1"\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")
    return script


def test_the_line_goes_through_the_editor(program: Program, editor: Path) -> None:
    typed("a cat -s2 -S1", "\x18\x05", asked, "y")
    assert drawn(program) == ["a cat", "a dog"]


def test_a_batch_is_asked_about_again_when_the_editor_fails(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    script, opened = program.folder / "failing", program.folder / "opened"
    script.write_text(f"#!/bin/sh\nuntil test -e '{opened}'; do sleep .05; done\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")

    def asked_again(prompt: Prompt) -> bool:
        if not asked(prompt):
            opened.touch()
        return opened.exists() and asked(prompt)

    screen = typed(PASTE.format("a cat -s2 -S1\na dog -s2 -S2\n"), asked, "e", asked_again, "y")
    assert "failing ended with status 1" in screen and drawn(program) == ["a cat", "a dog"]


def test_lines_that_come_back_together_are_all_kept(program: Program) -> None:
    def both_come(prompt: Prompt) -> bool:
        if prompt.begun:
            prompt.outside.fill(Prefill(line="a cat -s2 -S1"))
            prompt.outside.fill(Prefill(line="a dog -s2 -S2"))
        return prompt.begun

    screen = typed(both_come, holds("a cat -s2 -S1"), "\n")
    assert drawn(program) == ["a cat"] and "a dog -s2 -S2" in screen


def test_edit_is_a_command_too(program: Program, editor: Path) -> None:
    result = program("!edit a cat -s2")
    assert result.lines == ["a cat -s2"]
    assert program("!edit").status == 1  # nothing was typed or drawn yet
    program("a fox -s2 -S4")
    assert program("!edit 1").lines[0].startswith("a fox -s 2 -S 4")


def test_without_an_editor_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CommandError, match="no editor is set"):
        editor_command({})
    with pytest.raises(CommandError, match="there is no editor joe"):
        editor_command({"VISUAL": "", "EDITOR": "joe -x"})
    with pytest.raises(CommandError, match="there is no editor nano 'x"):
        editor_command({"EDITOR": "nano 'x"})


def test_an_editor_that_leaves_no_file_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "rm")
    with pytest.raises(CommandError, match="rm left no text"):
        edited("a cat")


# -- keys, themes, links, the bell, the greeting ----------------------------------------------------------------------


def test_the_key_table_is_what_is_bound_and_what_is_told(program: Program) -> None:
    page = help_text("keys", COMMANDS)
    assert all(key.shown in page and " ".join(key.help.split()[:3]) in page for key in KEYS)
    with keys():
        prompt = loop._Prompt(Settings(SessionOptions()), {})
        ours = {binding.keys for binding in prompt.input.key_bindings.bindings} if prompt.input.key_bindings else set()
    known: set[KeysTuple] = {binding.keys for binding in load_key_bindings().bindings}
    names = {tuple(str(getattr(key, "value", key)) for key in row) for row in ours}
    built_in = {tuple(str(getattr(key, "value", key)) for key in row) for row in known}
    alike = {"tab": "c-i", "enter": "c-m"}
    for key in KEYS:
        for press in key.presses:
            assert tuple(alike.get(each, each) for each in press) in (names if key.action else built_in | names), key


def test_themes_are_whole_and_no_color_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    (row,) = (option for option in LAUNCH_OPTIONS if option.name == "--theme")
    assert row.choices == tuple(theme.name for theme in THEMES) and row.in_init
    assert theme_for("light").name == "light" and theme_for("auto").name == "dark"
    coloured = THEMES[0].prompt.keys()
    assert all(theme.prompt.keys() == coloured for theme in THEMES[:2])
    assert not any("ansi" in style or "#" in style for style in THEMES[2].prompt.values())
    monkeypatch.setenv("NO_COLOR", "1")
    assert theme_for("light").name == "mono" and not theme_for("dark").printed


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_paths_can_be_clicked_at_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    event = Saved(
        number=3, path=str(tmp_path / "a ü.png"), line="a cat", seed=1, seconds=1, steps_taken=1, steps_asked=1
    )
    plain = f"[3] {event.path}: a cat\n"
    said: dict[str, str] = {}
    for name, out, term in (
        ("terminal", _Screen(), "xterm"),
        ("dumb", _Screen(), "dumb"),
        ("pipe", io.StringIO(), "xterm"),
    ):
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(sys, "stdout", out)
        Console(out, io.StringIO(), look_for(out))(event)
        said[name] = out.getvalue()
    assert said["dumb"] == said["pipe"] == plain
    assert "\x1b]8;;file://" in said["terminal"] and "a%20%C3%BC.png\x1b\\" in said["terminal"]
    pieces = said["terminal"].split("\x1b\\")
    assert "".join(piece.split("\x1b]8;;")[0] for piece in pieces) == plain


@pytest.mark.parametrize(("bell", "seconds", "rings"), [(30.0, 31.0, True), (30.0, 29.0, False), (0.0, 99.0, False)])
def test_the_bell_rings_for_long_work_at_a_terminal(bell: float, seconds: float, rings: bool) -> None:
    for terminal in (True, False):
        err = io.StringIO()
        Console(io.StringIO(), err, Look(bell=bell, progress=terminal)).ring(seconds)
        assert (err.getvalue() == "\a") is (rings and terminal)


def test_when_the_bell_rings_can_be_said() -> None:
    assert bell_seconds("auto") == 30 and bell_seconds("0") == 0 and bell_seconds("2.5") == 2.5
    for wrong in ("never", "-1", "inf", "nan"):
        with pytest.raises(ConfigError, match="--bell takes seconds"):
            bell_seconds(wrong)


def test_the_first_greeting_is_short_and_comes_once(program: Program) -> None:
    settings = Settings(SessionOptions())
    assert len(greeting(settings, newcomer=True).splitlines()) <= 5
    assert len(greeting(settings, newcomer=False).splitlines()) == 1
    packaged = Settings(SessionOptions(root=str(program.folder / "elsewhere")))
    lines = greeting(packaged, newcomer=True).splitlines()
    assert 2 < len(lines) <= 5 and max(map(len, lines)) < 100


def test_what_set_says_stands_at_the_bottom(program: Program) -> None:
    settings = Settings(SessionOptions())
    toolbar = Toolbar(settings, Counter(settings))
    settings.change(GenerationRequest(num_inference_steps=7))
    toolbar._defaults = toolbar._read()
    ((_, text, *_),) = toolbar.fragments("")
    assert "7 steps" in text and "!set -s 7" in text
    ((style, text, *_),) = toolbar.fragments("a cat -s 0 -C 5")
    assert style == "class:toolbar-error" and text.strip().startswith("-s takes a whole number")


# -- completion from what there is ------------------------------------------------------------------------------------


def test_steps_loras_and_aliases_are_completed(program: Program) -> None:
    program("a cat -s3 -S1 --save_latents")
    program("a dog -s10 -S2 -I @last -f .55")
    program("!alias oil oil painting -C 9")
    loras = program.folder / "root" / "loras"
    loras.mkdir()
    (loras / "film.safetensors").touch()
    sources = sources_for(Settings(SessionOptions()))

    def offered(text: str) -> list[str]:
        return [candidate.text for candidate in complete(text, len(text), sources)]

    assert offered("a fox -I @last:") == [f"@last:{step}" for step in range(6)]
    assert offered("a fox -I @last2:") == offered("a fox -I @last2:")[:4] == [f"@last2:{step}" for step in range(4)]
    assert offered("a fox -I !1:2") == ["!1:2"] and offered("a fox -I 000002.2:5") == ["000002.2:5"]
    assert offered("a fox -I @last9:") == [] and "@last" in offered("a fox -I @la")
    assert offered("a fox --lora ") == ["film"]
    assert offered("!oi") == ["!oil"] and offered("!oil a cat -A k_euler_") == ["k_euler_a"]
