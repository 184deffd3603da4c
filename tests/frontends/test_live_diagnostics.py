"""Live diagnostics: errors and missing files are shown while typing, tokens are counted, values are completed."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from invoke_cli.console.themes import THEMES, Theme
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.language.completion.complete import complete
from invoke_cli.models.files.folder import read_facts
from invoke_cli.models.files.tokenizer import CLIP_MERGES, CLIP_VOCABULARY, token_reader
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl.completer import LineCompleter, fragments
from invoke_cli.repl.completion_sources import sources_for
from invoke_cli.repl.diagnostics import diagnostic
from invoke_cli.repl.known_words import KnownWords
from invoke_cli.repl.line_history import LineSearch
from invoke_cli.repl.reference_check import ReferenceCheck
from invoke_cli.repl.token_counter import TokenCount, TokenCounter
from invoke_cli.repl.toolbar import Toolbar
from invoke_cli.request import GenerationRequest
from tests.frontends.program import Program


@pytest.mark.feature("prompt")
@pytest.mark.parametrize(
    ("line", "part", "message", "is_unfinished"),
    [
        ("a cat -s 0 -C7", "0", "whole number", False),
        ("a cat -s", "-s", "needs a value", True),
        ("a [cat:dog:0.5] x -s3", "[cat:dog:0.5]", "a castle | a ruin", False),
        ('a cat --neg "foo', '"', "not closed", True),
        ("!fethc x", "!fethc", "did you mean !fetch?", False),
    ],
)
def test_errors_are_shown_and_underlined_while_typing(line: str, part: str, message: str, is_unfinished: bool) -> None:
    found = diagnostic(line, ("fetch", "help"))
    assert found is not None and message in found.text and found.open is is_unfinished
    assert line[slice(*found.span)] == part
    if not line.startswith("!"):
        marked = "".join(char for style, char, *_ in fragments(line) if style in ("class:error", "class:open"))
        assert marked == part
    for good in ("a cat -s 5", "!fetch 3", "!17", "", "# -s 0", "a {red|blue} cat++ [dog]"):
        assert diagnostic(good, ("fetch", "help")) is None


def test_missing_images_and_samplers_are_shown_while_typing(program: Program, sketch: Path) -> None:
    program(f"a cat -s2 -S1 -I {sketch} -f.5")
    missing = ReferenceCheck(Settings(SessionOptions()))
    for line, part, message in (
        ("a cat -A k_eulr -s5", "k_eulr", "did you mean k_euler"),
        ("a cat -s5 | a dog -I pics/no.png -f .5", "pics/no.png", "no such image: pics/no.png"),
        ("a cat -I @last -M no.webp -s3", "no.webp", "no such image: no.webp"),
    ):
        found = diagnostic(line, check_references=missing)
        assert found is not None and message in found.text and line[slice(*found.span)] == part and not found.open
        marked = "".join(char for style, char, *_ in fragments(line, None, missing) if style == "class:error")
        assert marked == part
    unfinished = diagnostic("a cat -A k_eu", check_references=missing)
    assert unfinished is not None and unfinished.open
    sketch.rename(sketch.with_name("moved.png"))  # its content is kept with the results
    names = ("000001.1.png", "0000", "moved.png", "https://x.org/a.png", "*.png", "@last:1", "!1", sketch.name)
    for line in (*(f"a cat -I {name} -s2" for name in names), "a cat -A dpmpp_2m_karras -s2", "a no.png cat -s3"):
        assert diagnostic(line, check_references=missing) is None, line


def test_tokens_are_counted_as_by_the_model_s_tokenizer(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    stock = CLIPTokenizer.from_pretrained(tiny_model / "tokenizer")
    read = token_reader(read_facts(tiny_model, "tiny"))
    assert read is not None
    for text in ("a red boat, don't go! 123", "Über naïve café 日本 🦊 x--y", "  many\n blanks ", ""):
        assert len(read(text)) == len(stock(text, add_special_tokens=False).input_ids)


def test_clip_s_tokenizer_counts_without_a_tokenizer_json(tiny_model: Path, tmp_path: Path) -> None:
    from invoke_cli.engine.loading.single_file import clip_tokenizer

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


def test_a_damaged_tokenizer_disables_counting(tiny_model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tiny_model, tmp_path / "damaged")
    (damaged / "tokenizer" / "tokenizer.json").write_text("{", encoding="utf-8")
    assert token_reader(read_facts(damaged, "damaged")) is None


def test_the_end_of_the_first_window_of_a_long_prompt_is_marked(program: Program) -> None:
    counter = TokenCounter(Settings(SessionOptions()))
    assert counter.count("a cat") is None  # no tokenizer is read before the session is open
    counter.refresh()
    line = f"{'9 ' * 75}fox -s 5"
    count = counter.count(line)
    assert count is not None and count.is_chunked and count.cut == line.index("fox")
    styles = [style for style, *_ in fragments(line, count.cut)]
    assert styles.index("class:cut") == line.index("fox") and styles[line.index("-s")] == "class:switch"
    assert TokenCount(tokens=80, window=75).text == "80 tokens, cut after 75"
    short = counter.count("9 [dog] -s5")
    assert short is not None and short.text == "1 of 75 tokens"


def test_session_defaults_and_errors_are_in_the_toolbar(program: Program) -> None:
    settings = Settings(SessionOptions())
    toolbar = Toolbar(settings, TokenCounter(settings))
    settings.change(GenerationRequest(num_inference_steps=7))
    toolbar._defaults = toolbar._read()
    ((_, text, *_),) = toolbar.fragments("")
    assert "7 steps" in text and "!set -s 7" in text
    ((style, text, *_),) = toolbar.fragments("a cat -s 0 -C 5")
    assert style == "class:toolbar-error" and text.strip().startswith("-s takes a whole number")


def test_steps_loras_and_aliases_are_completed(program: Program) -> None:
    program("a cat -s3 -S1 --save_latents")
    program("a dog -s10 -S2 -I @last -f .55")
    program("!alias oil oil painting -C 9")
    loras = program.folder / "root" / "loras"
    loras.mkdir()
    (loras / "film.safetensors").touch()
    sources = sources_for(Settings(SessionOptions()))

    def completions(text: str) -> list[str]:
        return [candidate.text for candidate in complete(text, len(text), sources)]

    assert completions("a fox -I @last:") == [f"@last:{step}" for step in range(6)]
    assert (
        completions("a fox -I @last2:")
        == completions("a fox -I @last2:")[:4]
        == [f"@last2:{step}" for step in range(4)]
    )
    assert completions("a fox -I !1:2") == ["!1:2"] and completions("a fox -I 000002.2:5") == ["000002.2:5"]
    assert completions("a fox -I @last9:") == [] and "@last" in completions("a fox -I @la")
    assert completions("a fox --lora ") == ["film"]
    assert completions("!oi") == ["!oil"] and completions("!oil a cat -A k_euler_") == ["k_euler_a"]


@pytest.mark.feature("completion-2x")
def test_files_of_models_lists_and_embeddings_are_completed(program: Program) -> None:
    embeddings = program.folder / "root" / "embeddings"
    embeddings.mkdir()
    (embeddings / "cat-toy.safetensors").touch()
    (program.folder / "anything.ckpt").touch()
    (program.folder / "evening.txt").touch()
    sources = sources_for(Settings(SessionOptions()))

    def completions(text: str) -> list[str]:
        return [candidate.text for candidate in complete(text, len(text), sources)]

    assert completions("a photo of <cat") == ["<cat-toy>"]
    assert completions("!import_model any") == completions("!convert_model any") == ["anything.ckpt"]
    assert completions("!replay eve") == ["evening.txt"] and completions("!replay any") == []
    assert completions("!import_model nowhere/x") == []


@pytest.mark.feature("prompt")
def test_recent_results_are_completed_newest_first_with_their_prompts(program: Program) -> None:
    program("a red cat -s2 -S1")
    program("a [dull] dog -s2 -S2 --neg ugly")
    program("a secret -s2 -S3 --private")
    program("!grid 1 2")
    (program.folder / "sketch.png").touch()
    sources = sources_for(Settings(SessionOptions()))

    def completions(text: str) -> list[tuple[str, str]]:
        return [(candidate.text, candidate.about) for candidate in complete(text, len(text), sources)]

    newest_first = [("!3", ""), ("!2", "a [dull] dog"), ("!1", "a red cat")]
    found = completions("a fox -I ")
    assert found[:2] == [("@last", "[3] "), ("@last2", "[2] a [dull] dog")] and found[2:5] == newest_first
    assert ("sketch.png", "") in found
    names = [(name, about) for name, about in found if name.startswith("0000")]
    assert names == [
        ("000004.grid.png", "[4] grid"),
        ("000003.3.png", "[3] "),
        ("000002.2.png", "[2] a [dull] dog"),
        ("000001.1.png", "[1] a red cat"),
    ]
    assert completions("a fox -I !2") == [("!2", "a [dull] dog")]
    assert completions("!fetch !") == newest_first
    assert completions("!")[-4:] == [("!4", "grid"), *newest_first] and completions("!1") == [("!1", "a red cat")]


def test_completion_survives_a_damaged_history(program: Program) -> None:
    program("a red cat -s2 -S1")
    (program.folder / "outputs" / ".invoke" / "history.sqlite3").write_bytes(b"not a database" * 99)
    sources = sources_for(Settings(SessionOptions()))
    found = [candidate.text for candidate in complete("a fox -I ", 9, sources)]
    assert found[:2] == ["@last", "@last2"] and "000001.1.png" in found


@pytest.mark.feature("prompt")
@pytest.mark.parametrize(
    ("line", "part", "message", "is_unfinished"),
    [
        ("a cat -f .5 -s 3", ".5", "-f needs an init image; add one with -I", False),
        ("a cat -f .5", ".5", "-f needs an init image", True),
        ("a cat -W 500 -s 3", "500", "width 500 is changed to 496, a multiple of 8", False),
        ("a cat -s3 -H 9 -S1", "9", "height 9 is changed to 64, at least 64", False),
        ("a (cat", "(", "the ( is not closed", True),
        ("a big [cat in {red", "[", "the [ in [cat in {red is read as text", True),
        ("a {red|blue cat", "{", "unclosed brace", True),
        ("a {red cat -s5", "{", "the { is not closed", False),
        ("a cat -s2 -I @last4 -f .5 -S1", "@last4", "outputs has no image @last4", False),
        ("a cat -s2 -I 99 -f .5 -S1", "99", "outputs has no image 99", False),
        ("a dog -s3 -M !7 -I !1 -S1", "!7", "outputs has no image 7", False),
    ],
)
def test_what_a_line_lacks_is_shown_while_typing(
    program: Program, line: str, part: str, message: str, is_unfinished: bool
) -> None:
    program("a cat -s2 -S1")
    check = ReferenceCheck(Settings(SessionOptions()))
    check.forget()
    found = diagnostic(line, check_references=check)
    assert found is not None and message in found.text and found.open is is_unfinished
    assert line[slice(*found.span)] == part


def test_complete_lines_show_nothing_while_typing(program: Program) -> None:
    program("a cat -s2 -S1")
    settings = Settings(SessionOptions())
    check = ReferenceCheck(settings)
    check.forget()
    lines = ["a cat -I 1 -f .5", "a cat | a dog -f .5", "a cat -W 512 -H 64", "a (cat) [dog] {a|b} :)", "a \\(cat"]
    for line in [*lines, "a cat -I @last -f .6,.4", "a cat -m other -W 500"]:
        assert diagnostic(line, check_references=check) is None, line
    settings.change(GenerationRequest(init_image="@last"))
    check.forget()
    assert diagnostic("a cat -f .5 -s3", check_references=check) is None


def test_the_toolbar_follows_the_typed_line(program: Program) -> None:
    settings = Settings(SessionOptions())
    toolbar = Toolbar(settings, TokenCounter(settings))

    def shown(line: str) -> str:
        return toolbar.fragments(line)[0][1]

    assert "tiny" in shown("a cat") and "7 steps" not in shown("a cat")
    assert "7 steps" in shown("a cat -s 7") and "128x64" in shown("a cat -W128 -H64 | a dog -s 9")
    assert "k_euler" in shown("a cat -A k_euler") and "7 steps" in shown("a cat -s 7 -A k_euler")
    assert "  7 steps" not in shown("!models")


@pytest.mark.parametrize("theme", THEMES[:2], ids=lambda theme: theme.name)
def test_the_completion_menu_has_contrast(theme: Theme) -> None:
    """WCAG asks for a ratio of 4.5 between text and background."""
    for name, style in theme.prompt.items():
        if name.startswith("completion-menu"):
            background, text = (_luminance(part.removeprefix("bg:")) for part in style.split()[-2:])
            assert (max(background, text) + 0.05) / (min(background, text) + 0.05) >= 4.5, name


def _luminance(colour: str) -> float:
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.feature("known-words")
def test_unknown_words_are_marked_and_known_ones_completed_with_tab(program: Program) -> None:
    configs = program.folder / "root" / "configs" / "models.yaml"
    configs.write_text(configs.read_text(encoding="utf-8") + "  words: castle, cat, ship\n", encoding="utf-8")
    settings = Settings(SessionOptions())
    words = KnownWords(settings)
    assert words.unknown("a spaceship here") == ()  # nothing is read before the session is open
    words.refresh()

    def marked(line: str) -> list[str]:
        return [line[slice(*span)] for span in words.unknown(line)]

    assert marked("a spaceship and a castle -s 5 | dragons -f .5") == ["spaceship", "dragons"]
    assert marked("a space") == [] and marked("a space ") == ["space"] and marked("a dragon -m other") == []
    assert (
        marked('"a 日本 dragon" -s5') == ["日本", "dragon"]
        and marked("!fetch dragon ") == []
        and marked("a -zz 3") == []
    )
    styled = fragments("a dragon -s 5", unknown=words.unknown("a dragon -s 5"))
    assert "".join(char for style, char, *_ in styled if style == "class:unknown-word") == "dragon"
    completer = LineCompleter(sources_for(settings, words=words), LineSearch(TypedLines(program.folder / "x.sqlite3")))

    def completed(line: str, *, tab: bool) -> list[str]:
        event = CompleteEvent(completion_requested=tab, text_inserted=not tab)
        return [each.text for each in completer.get_completions(Document(line), event)]

    assert completed("a big ca", tab=True) == ["castle", "cat"] and completed("a big ca", tab=False) == []
    assert completed("a Sh", tab=True) == ["ship"] and "-s" in completed("a cat -s", tab=True)
