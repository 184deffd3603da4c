"""The switch table: each switch is declared in one of the chapters and nowhere else.

Parser, echo line, help, completion, the README's table, the program's defaults and the metadata's names are derived
from these rows. The order of the rows is the order in which a line is written. The dream letters live here alone.
"""

from __future__ import annotations

from invoke_cli.language.chapters.after import AFTER
from invoke_cli.language.chapters.basic import BASIC
from invoke_cli.language.chapters.looking import LOOK
from invoke_cli.language.chapters.masking import MASK
from invoke_cli.language.chapters.measuring import MEASURES
from invoke_cli.language.chapters.putting import OUTPUT
from invoke_cli.language.chapters.running import RUN
from invoke_cli.language.chapters.starting import INIT_IMAGE
from invoke_cli.language.chapters.varying import VARIATION
from invoke_cli.language.switch import Switch
from invoke_cli.request import GenerationRequest

SWITCHES: tuple[Switch, ...] = (*BASIC, *INIT_IMAGE, *MASK, *VARIATION, *LOOK, *MEASURES, *AFTER, *OUTPUT, *RUN)


def by_field() -> dict[str, Switch]:
    """The rows by the field they set."""
    return {switch.field: switch for switch in SWITCHES}


def program_defaults() -> GenerationRequest:
    """The lowest layer of defaults, read from the rows."""
    values = {switch.field: switch.value.parse(switch.default) for switch in SWITCHES if switch.default}
    return GenerationRequest.of(values)
