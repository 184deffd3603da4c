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
        help="vary each image by so much of another seed's noise; with an init image, vary the first result",
    ),
    Switch(
        field="variations",
        flags=("-V", "--with_variations"),
        value=Variations(),
        group=Group.VARIATION,
        metavar="SEED:W,…",
        recorded="variations",
        example="-V 3357757885:0.2",
        help="blend the noise of these seeds in, in order; the -V of a result's line makes it again",
    ),
)
