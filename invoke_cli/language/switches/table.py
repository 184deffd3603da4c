"""The switch table: each switch is declared in one of the chapters and nowhere else.

Parser, echo line, help, completion, the README's table, the program's defaults and the metadata's names are derived
from these rows. The order of the rows is the order in which a line is written. The dream letters live here alone.
"""

from __future__ import annotations

from invoke_cli.language.switches.rows.basic import BASIC
from invoke_cli.language.switches.rows.init_image import INIT_IMAGE
from invoke_cli.language.switches.rows.mask import MASK
from invoke_cli.language.switches.rows.output import OUTPUT
from invoke_cli.language.switches.rows.performance import MEASURES
from invoke_cli.language.switches.rows.postprocess import AFTER
from invoke_cli.language.switches.rows.run import RUN
from invoke_cli.language.switches.rows.sampling import LOOK
from invoke_cli.language.switches.rows.variation import VARIATION
from invoke_cli.language.switches.switch import Switch
from invoke_cli.request import GenerationRequest

SWITCHES: tuple[Switch, ...] = (*BASIC, *INIT_IMAGE, *MASK, *VARIATION, *LOOK, *MEASURES, *AFTER, *OUTPUT, *RUN)


def by_field() -> dict[str, Switch]:
    """The rows by the field they set."""
    return {switch.field: switch for switch in SWITCHES}


def program_defaults() -> GenerationRequest:
    """The lowest layer of defaults, read from the rows."""
    values = {switch.field: switch.value.parse(switch.default) for switch in SWITCHES if switch.default}
    return GenerationRequest.of(values)
