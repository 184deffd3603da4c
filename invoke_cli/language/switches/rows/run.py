"""Switch rows: how the work is done."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.values import Flag

RUN: tuple[Switch, ...] = (
    Switch(
        field="parallel",
        flags=("--parallel",),
        value=Integer(low=1, high=64),
        group=Group.RUN,
        metavar="N",
        recorded="parallel",
        help="images in one batch; unset: 1 on the CPU, by free memory on a GPU",
    ),
    Switch(
        field="dry_run",
        flags=("--dry_run",),
        value=Flag(),
        group=Group.RUN,
        help="show what would be done and load nothing",
    ),
    Switch(
        field="log_tokenization",
        flags=("-t", "--log_tokenization"),
        value=Flag(),
        group=Group.RUN,
        help="show the prompt's tokens and where it is cut",
    ),
    Switch(
        field="trace",
        flags=("--trace",),
        value=Flag(),
        group=Group.RUN,
        help="tell what the engine does, step by step, and count it",
    ),
    Switch(
        field="no_session",
        flags=("--no_session",),
        value=Flag(),
        group=Group.RUN,
        help="do the work in this process, never in another session's",
    ),
)
