"""Switch rows: variations of a seed."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Number, Variations
from invoke_cli.language.switches.switch import Group, Switch

VARIATION: tuple[Switch, ...] = (
    Switch(
        field="variation_amount",
        flags=("-v", "--variation_amount"),
        value=Number(low=0, high=1),
        group=Group.VARIATION,
        metavar="AMOUNT",
        example="-v 0.2",
        help="vary each image by this amount of noise from another seed; with an init image, vary the first result",
    ),
    Switch(
        field="variations",
        flags=("-V", "--with_variations"),
        value=Variations(),
        group=Group.VARIATION,
        metavar="SEED:W,…",
        recorded="variations",
        example="-V 3357757885:0.2",
        help="blend in the noise of these seeds, in order; the -V in a result's line reproduces that result",
    ),
)
