"""Convert keyword arguments to a request. Their names and values are those of the switch table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.api.image_files import ImageFiles
from invoke_cli.errors import LineError
from invoke_cli.language.grammar.names import nearest
from invoke_cli.language.grammar.quotes import canonical
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.request import GenerationRequest

# What the caller decides in another way: the prompt is the first argument, and a plan is asked for with `plan`.
LEFT_OUT = frozenset({"prompt", "dry_run", "no_session"})


def keywords() -> Mapping[str, str]:
    """Return the fields of a request by keyword: their names, and the long spellings of their switches."""
    rows = [row for row in SWITCHES if row.field not in LEFT_OUT]
    spelt = {flag[2:]: row.field for row in rows for flag in row.flags if flag.startswith("--")}
    return {**spelt, **{row.field: row.field for row in rows}}


def request_from(
    prompt: str | None, arguments: Mapping[str, object], files: ImageFiles, *, also: Iterable[str] = ()
) -> GenerationRequest:
    """Return the request of a call.

    Args:
        prompt: The prompt, with its weights and words in parentheses as in a line; None for that of the init image.
        arguments: The other arguments; None leaves a setting at its default.
        files: Where images that are given by value are put.
        also: Other names that the caller takes, to suggest for a misspelt one.

    Raises:
        TypeError: There is no such argument, or two are the same setting.
        LineError: A value is invalid.
    """
    values: dict[str, object] = {} if prompt is None else {"prompt": canonical(prompt)}
    known = keywords()
    for name, value in arguments.items():
        if name not in known:
            raise TypeError(_unknown(name, (*known, *also)))
        field = known[name]
        if field in values:
            raise TypeError(f"{name} is given twice: it is the same setting as {field}")
        if value is not None:
            values[field] = _converted(by_field()[field], name, value, files)
    return GenerationRequest.of(values)


def _unknown(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"there is no argument {name}" + (f"; did you mean {close}?" if close else "")


def _converted(switch: Switch, name: str, value: object, files: ImageFiles) -> object:
    """Return the value of a request for that of an argument."""
    if switch.is_flag:
        if not isinstance(value, bool):
            raise LineError(f"{name} takes True or False, not {value!r}", field=switch.field)
        return value
    try:
        texts = list(_texts(value, files))
        if switch.is_repeatable:
            return tuple(each for text in texts for each in _parsed_items(switch, text))
        return switch.value.parse((" " if switch.value.takes in ("numbers", "words") else ",").join(texts))
    except ValueError as error:
        raise LineError(f"{name} {error}", field=switch.field) from None


def _parsed_items(switch: Switch, text: str) -> Iterator[object]:
    parsed = switch.value.parse(text)
    yield from parsed if isinstance(parsed, tuple) else (parsed,)


def _texts(value: object, files: ImageFiles) -> Iterator[str]:
    """Yield the texts that a value would be typed as."""
    match value:
        case bool():
            yield str(int(value))
        case str() | Path() | int() | float() | np.number():
            yield str(value)
        case Image.Image() | np.ndarray():
            yield str(files.path_of(as_image(value)))
        case Mapping():
            for name, each in value.items():
                yield f"{name}:{' '.join(_texts(each, files))}"
        case Sequence() | range():
            for each in value:
                yield from _texts(each, files)
        case _:
            raise ValueError(f"takes text, numbers or an image, not {type(value).__name__}")


def as_image(value: Image.Image | NDArray[Any]) -> Image.Image:
    """Return a PIL image.

    Args:
        value: One, or an array (height, width) or (height, width, 3 or 4): integers 0 to 255 or floats 0 to 1.

    Raises:
        ValueError: The array has another shape, type or range.
    """
    if isinstance(value, Image.Image):
        return value
    if value.ndim not in (2, 3) or (value.ndim == 3 and value.shape[2] not in (3, 4)) or not value.size:
        raise ValueError(f"takes an array (height, width, 3), not one of shape {value.shape}")
    if np.issubdtype(value.dtype, np.floating):
        low, high = float(np.min(value)), float(np.max(value))
        if not (low >= 0 and high <= 1):
            raise ValueError(f"takes an array of floats from 0 to 1, not from {low:g} to {high:g}")
        return Image.fromarray(np.rint(value * 255).astype(np.uint8))
    if value.dtype != np.uint8:
        raise ValueError(f"takes an array of uint8 or floats, not {value.dtype}")
    return Image.fromarray(np.ascontiguousarray(value))
