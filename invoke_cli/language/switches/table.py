"""The switch table: each switch is declared once, in one of the groups of `rows`.

The parser, the formatted line, help, completion, the table in the README, the program's defaults and the names in the
metadata are derived from these rows. Lines are formatted in the order of the rows. Only these rows know the one-letter
switches.
"""

from __future__ import annotations

from invoke_cli.language.switches.rows.adapters import ADAPTERS
from invoke_cli.language.switches.rows.basic import BASIC
from invoke_cli.language.switches.rows.init_image import INIT_IMAGE
from invoke_cli.language.switches.rows.latent_effects import LATENT_EFFECTS
from invoke_cli.language.switches.rows.mask import MASK
from invoke_cli.language.switches.rows.output import OUTPUT
from invoke_cli.language.switches.rows.performance import PERFORMANCE
from invoke_cli.language.switches.rows.postprocess import POSTPROCESS
from invoke_cli.language.switches.rows.run import RUN
from invoke_cli.language.switches.rows.variation import VARIATION
from invoke_cli.language.switches.switch import Switch
from invoke_cli.request import GenerationRequest

SWITCHES: tuple[Switch, ...] = (
    *BASIC,
    *INIT_IMAGE,
    *MASK,
    *VARIATION,
    *LATENT_EFFECTS,
    *ADAPTERS,
    *PERFORMANCE,
    *POSTPROCESS,
    *OUTPUT,
    *RUN,
)


def by_field() -> dict[str, Switch]:
    """Return the rows by the field that they set."""
    return {switch.field: switch for switch in SWITCHES}


def program_defaults() -> GenerationRequest:
    """Return the lowest layer of defaults, from the rows."""
    values = {switch.field: switch.value.parse(switch.default) for switch in SWITCHES if switch.default}
    return GenerationRequest.of(values)
