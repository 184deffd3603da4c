"""Find the switch for a spelling: exact names, negations, abbreviations and glued values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.names import nearest, normalise_name
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS
from invoke_cli.language.switches.legacy_launch import LEGACY_OPTIONS, LegacyOption, legacy_option
from invoke_cli.language.switches.rejected import REJECTED_SWITCHES, RejectedSwitch
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES

_LONG = re.compile(r"--[A-Za-z][A-Za-z0-9_-]*")
_LETTERS = re.compile(r"-[A-Za-z_]+")
_SWITCH_LIKE = re.compile(r"--?[A-Za-z]")
KEEP_AS_TEXT = "to keep it as text, write \\- or put the prompt in quotes"


@dataclass(frozen=True, kw_only=True, slots=True)
class SwitchMatch:
    """A parsed switch word.

    Attributes:
        switch: The row of the switch.
        negated: Whether the word is the `--no_` form.
        length: The length of the spelling; a glued value starts there.
        glued: Whether the word contains the value, too.
    """

    switch: Switch
    negated: bool = False
    length: int
    glued: bool = False


def looks_like_switch(text: str, position: int = 0) -> bool:
    """Return whether the text at `position` has the form of a switch: `-` or `--` followed by a letter."""
    return _SWITCH_LIKE.match(text, position) is not None


def parse_switch(word: str) -> SwitchMatch:
    """Parse a word that starts with a dash as a switch.

    Raises:
        LineError: If the switch is unknown, ambiguous or rejected, or has a value that it does not take.
    """
    if word.startswith("--"):
        return _read_long(word)
    run = _letter_run(word)
    after = word[len(run) : len(run) + 1]
    if len(run) > 2 and after in ("", "="):
        entry = _spellings().get(run)
        if entry is not None:
            return _match_entry(entry, False, word, len(run))
        if f"-{run}" in _spellings():
            raise unknown_switch(word)  # -steps, not -s with the value teps
    entry = _spellings().get(word[:2])
    if entry is None:
        raise unknown_switch(word)
    return _match_entry(entry, False, word, 2)


def _letter_run(word: str) -> str:
    match = _LETTERS.match(word)
    assert match is not None
    return match.group()


def _read_long(word: str) -> SwitchMatch:
    match = _LONG.match(word)
    assert match is not None
    name = normalise_name(match.group())
    if name not in all_spellings() and name not in _spellings() and (legacy := legacy_option(name)) is not None:
        raise _legacy_error(legacy, name)
    entry, negated = _find_long(name, word)
    rest = word[match.end() :]
    if rest and not rest.startswith("="):
        raise unknown_switch(word)
    return _match_entry(entry, negated, word, match.end())


def _find_long(name: str, word: str) -> tuple[Switch | RejectedSwitch, bool]:
    """Return the row with this name or unique prefix, and whether it is the `--no_` form."""
    rows = {flag: (row, False) for flag, row in _spellings().items() if flag.startswith("--")}
    rows |= {flag: (switch, True) for flag, switch in _negations().items()}
    if name in rows:
        return rows[name]
    matches = {flag: entry for flag, entry in rows.items() if flag.startswith(name)}
    if len({(id(row), negated) for row, negated in matches.values()}) == 1:
        return next(iter(matches.values()))
    if matches:
        raise LineError(f"{name} is ambiguous: {', '.join(sorted(matches))}", hint="write more of the name")
    raise unknown_switch(word)


def _match_entry(entry: Switch | RejectedSwitch, negated: bool, word: str, length: int) -> SwitchMatch:
    spelling = word[:length]
    if isinstance(entry, RejectedSwitch):
        raise rejection_error(entry, spelling)
    rest = word[length:]
    glued = bool(rest) and not negated
    if entry.is_flag or negated:
        if rest:
            raise LineError(f"{spelling} takes no value, but {rest!r} follows", hint=f"write {spelling} alone")
    elif entry.value.takes == "glued" and rest and not rest.startswith("="):
        raise unknown_switch(word)
    skip = 1 if rest.startswith("=") else 0
    return SwitchMatch(switch=entry, negated=negated, length=length + skip, glued=glued)


def rejection_error(entry: RejectedSwitch, spelling: str) -> LineError:
    """Return the error for a rejected switch."""
    return LineError(f"{spelling} ({entry.what}) is not supported", hint=entry.instead)


def unknown_switch(word: str) -> LineError:
    """Return the error for a word that is no switch, with the nearest spelling."""
    name = word.split("=", 1)[0][:40]
    launch = next((row for row in LAUNCH_OPTIONS if normalise_name(name) == row.name), None)
    if launch is not None:
        init = ", or put it into invoke.init" if launch.in_init else ""
        hint = f"start the program with it: invoke {name} …{init}; {KEEP_AS_TEXT}"
        return LineError(f"{name} is a launch option and cannot be used in a line", hint=hint)
    closest = _near_spelling(normalise_name(name))
    suggestion = f"did you mean {closest}? " if closest else ""
    return LineError(f"unknown switch: {name}", hint=suggestion + KEEP_AS_TEXT)


def _legacy_error(row: LegacyOption, name: str) -> LineError:
    """Return the error for a launch option of InvokeAI 2.x in a line."""
    if row.instead:
        return LineError(f"{name} of InvokeAI 2.x ({row.what}) is not supported", hint=row.instead)
    instead = (
        f"start the program with it: invoke {row.becomes or name} …" if row.becomes else f"remove it: {row.remark}"
    )
    return LineError(f"{name} is a launch option of InvokeAI 2.x and cannot be used in a line", hint=instead)


def _near_spelling(name: str) -> str:
    """Return the spelling that was probably meant; a long name may have been typed with one dash."""
    known = {**_spellings(), **_negations()}
    letters = name.lstrip("-")
    if len(letters) > 1 and f"--{letters}" in known:
        return f"--{letters}"
    longer = [spelling for spelling in known if len(letters) > 2 and spelling.startswith(f"--{letters}")]
    if longer:
        return longer[0]
    return nearest(name, [spelling for spelling in (*known, *_launch_spellings()) if spelling.startswith("--")])


@cache
def _launch_spellings() -> tuple[str, ...]:
    legacy = (flag for row in LEGACY_OPTIONS if not row.alone for flag in row.flags)
    return (*(row.name for row in LAUNCH_OPTIONS), *legacy)


@cache
def _spellings() -> dict[str, Switch | RejectedSwitch]:
    rows: list[Switch | RejectedSwitch] = [*SWITCHES, *REJECTED_SWITCHES]
    return {flag: row for row in rows for flag in row.flags}


@cache
def _negations() -> dict[str, Switch]:
    return {negation(switch): switch for switch in SWITCHES if switch.is_flag or switch.is_repeatable}


def negation(switch: Switch) -> str:
    """Return the switch that turns off a flag or clears a repeatable switch: `--no_grid`, or `--metadata`."""
    name = switch.name[2:]
    return "--" + (name[3:] if name.startswith("no_") else "no_" + name)


@cache
def all_spellings() -> Mapping[str, Switch]:
    """Return every valid spelling, including the negated ones."""
    return {flag: row for flag, row in _spellings().items() if isinstance(row, Switch)} | _negations()
