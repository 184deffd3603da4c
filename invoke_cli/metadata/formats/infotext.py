"""Split and join A1111's parameters: prompt, negative prompt, and one line of `key: value` pairs, the settings.

The settings are the line with the most of A1111's own keys. It is usually the last, but extensions add lines around it,
and some sites join all lines into one. A line that begins with `Negative prompt:` begins the negative prompt. A value
is a JSON string, a JSON object or list, or everything up to the next comma.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from invoke_cli.metadata.formats.infotext_pairs import MAX_PAIRS, only_pairs, scan_pairs

NEGATIVE = "Negative prompt:"
MIN_PAIRS = 3
UNNAMED = "text after the settings"
SETTINGS = "further settings"

_BRACKETS = re.compile(r"([\\()\[\]])")
_MAX_LINES = 10_000
_MAX_LINE = 60_000
_MAX_TEXT = 400_000

# The keys that A1111 itself writes first, and how their values look.
_CORE: Mapping[str, str] = {
    "Steps": r"\d{1,5}(\.0+)?",
    "Sampler": r"\S.{0,80}",
    "CFG scale": r"\d{1,4}(\.\d+)?",
    "Seed": r"-?\d{1,20}(\.0+)?",
    "Size": r"\d{1,5} ?[x×] ?\d{1,5}",
    "Model hash": r"[0-9a-fA-F]{6,64}",
    "Model": r"\S.{0,200}",
}
_CORE_PATTERNS = {key: re.compile(pattern) for key, pattern in _CORE.items()}
_CORE_KEY = re.compile(rf"\b(?:{'|'.join(_CORE)}):")
# Lines of extensions, which may run on over several lines; they are no part of a prompt.
_SECTION = re.compile(
    r"((?:Negative )?(?:Template|Wildcard prompt|Original prompt|Raw prompt)"
    r"|(?:Tiled (?:Diffusion|VAE)|ADetailer|After Detailer|ControlNet|Regional Prompter|Latent Couple"
    r"|Dynamic thresholding|FreeU|AddNet|Hires|Civitai|Lora hashes|TI hashes|Hashes|Wildcards?"
    r"|Ultimate SD upscale|Mimic|Cutoff|Face editor|Postprocess)[\w \-/]{0,60}):(?=\s|$|[\"{\[])"
)
_IN_ONE_LINE = re.compile(r"(?<=[\s,.;])Steps: \d{1,5}, [A-Z][\w \-/]{0,60}: ")


@dataclass(kw_only=True)
class _Parts:
    """The lines of a text, sorted into its parts."""

    prompt: list[str] = field(default_factory=list)
    negative: list[str] = field(default_factory=list)
    sections: dict[str, list[str]] = field(default_factory=dict)


def split_parameters(text: str) -> tuple[str, str, dict[str, str]]:
    """Return prompt, negative prompt and the pairs of the settings; none if no line has at least three pairs."""
    lines = _lines(text)
    number = _settings_line(lines)
    if number is None:
        before = _sorted_lines(lines, may_end=False)
        return _joined(before.prompt), _joined(before.negative), {}
    before = _sorted_lines(lines[:number], may_end=True)
    scan = scan_pairs("\n".join(lines[number:])[: _MAX_LINE * 4])
    has_prompt = bool(before.prompt or before.negative)
    behind = _sorted_lines(scan.rest.strip().split("\n"), may_end=True, follows=True, has_prompt=has_prompt)
    pairs = scan.pairs
    for section, content in {**before.sections, **behind.sections}.items():
        _add_section(pairs, section, _joined(content))
    if scan.keyless:
        _add_section(pairs, "without a key", ", ".join(scan.keyless))
    return _joined(before.prompt or behind.prompt), _joined(before.negative or behind.negative), pairs


def _lines(text: str) -> list[str]:
    """Return the lines of a text; a text in which the settings share a line with the prompts is cut before them."""
    lines = [line.rstrip("\r") for line in text[:_MAX_TEXT].strip("\ufeff \t\r\n").split("\n", _MAX_LINES - 2)]
    if _settings_line(lines) is not None and not any(map(_IN_ONE_LINE.search, lines)):
        return lines
    cut: list[str] = []
    for line in lines:
        found = list(_IN_ONE_LINE.finditer(line[:_MAX_LINE]))
        if not found or _core_pairs(line[found[-1].start() :]) < MIN_PAIRS or only_pairs(line[: found[-1].start()]):
            cut.append(line)
            continue
        head, tail = line[: found[-1].start()].rstrip(), line[found[-1].start() :]
        prompt, mark, negative = head.partition(f" {NEGATIVE}")
        cut += [prompt, *([NEGATIVE + negative] if mark else []), tail]
    return cut


def _settings_line(lines: Sequence[str]) -> int | None:
    """Return the number of the line that holds the settings, None if there is none.

    It has the most of A1111's own keys with fitting values; of equal lines the last one counts.
    """
    best: tuple[int, int] | None = None
    for number, line in enumerate(lines):
        if ":" not in line or line.startswith(NEGATIVE) or re.match(r"(Negative )?Template:", line):
            continue
        count = _core_pairs(line)
        if count and (best is None or count >= min(best[0], MIN_PAIRS)):
            best = count, number
    return best[1] if best else None


def _core_pairs(line: str) -> int:
    """Return how many of A1111's own pairs a line has; 0 if it has too few pairs of any kind."""
    if not _CORE_KEY.search(line):
        return 0
    pairs = scan_pairs(line.strip()[:_MAX_LINE]).pairs
    if len(pairs) < MIN_PAIRS:
        return 0
    return sum(1 for key, pattern in _CORE_PATTERNS.items() if pattern.fullmatch(pairs.get(key, "")))


def _sorted_lines(lines: Iterable[str], *, may_end: bool, follows: bool = False, has_prompt: bool = False) -> _Parts:
    """Sort lines into prompt, negative prompt and the sections of extensions.

    Args:
        lines: The lines.
        may_end: Whether sections are recognised.
        follows: Whether the lines follow the settings. Then one that consists of pairs adds to the settings.
        has_prompt: Whether the text has a prompt already. Then other text behind the settings is no prompt.
    """
    parts = _Parts()
    target = parts.sections.setdefault(UNNAMED, []) if has_prompt else parts.prompt
    for number, line in enumerate(map(str.strip, lines)):
        section = _SECTION.match(line) if may_end and number >= (not follows) else None
        if line.startswith(NEGATIVE):
            target, line = parts.negative, line[len(NEGATIVE) :].strip()
        elif section:
            target, line = parts.sections.setdefault(section[1], []), line[section.end() :].strip()
        elif follows and target is not parts.negative and only_pairs(line):
            target = parts.sections.setdefault(SETTINGS, [])
        target.append(line)
    return parts


def _add_section(pairs: dict[str, str], name: str, content: str) -> None:
    """Add the content of a section: further settings, or one value."""
    if not content:
        return
    scan = scan_pairs(content if name == SETTINGS else f"{name}: {content}")
    is_text = name.endswith(("Template", "prompt")) or name == UNNAMED or len(scan.pairs) < 2 or scan.rest
    for key, value in ({name: content} if is_text and name != SETTINGS else scan.pairs).items():
        if len(pairs) < MAX_PAIRS:
            pairs.setdefault(key, value)


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip()


def join_parameters(prompt: str, negative: str, pairs: Mapping[str, str]) -> str:
    """Return the text; empty prompts are omitted."""
    lines = [prompt] if prompt else []
    if negative:
        lines.append(f"{NEGATIVE} {negative}")
    return "\n".join([*lines, ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items())])


def escape_brackets(text: str) -> str:
    """Escape the brackets of plain text, which are weights in A1111's prompts."""
    return _BRACKETS.sub(r"\\\1", text)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:\n"]', value) else value
