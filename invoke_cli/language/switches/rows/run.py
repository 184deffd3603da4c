"""Switch rows: how a line runs."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.values import Choice, Flag

RUN: tuple[Switch, ...] = (
    Switch(
        field="parallel",
        flags=("--parallel",),
        value=Integer(low=1, high=64),
        group=Group.RUN,
        metavar="N",
        recorded="parallel",
        help="images per batch; by default 1 on the CPU, and chosen by free memory on a GPU",
    ),
    Switch(
        field="dry_run",
        flags=("--dry_run",),
        value=Flag(),
        group=Group.RUN,
        help="show the plan without loading a model or generating an image",
    ),
    Switch(
        field="log_tokenization",
        flags=("-t", "--log_tokenization"),
        value=Flag(),
        group=Group.RUN,
        help="show the tokens of the prompt and where it is truncated",
    ),
    Switch(
        field="trace",
        flags=("--trace",),
        value=Flag(),
        group=Group.RUN,
        help="log each step of the engine, and totals",
    ),
    Switch(
        field="compat",
        flags=("--compat",),
        value=Choice(options=("2x",)),
        group=Group.RUN,
        metavar="2x",
        example="--compat 2x",
        help="read the line as InvokeAI 2.x did: the black areas of a mask are painted; also for invoke.init",
    ),
    Switch(
        field="no_session",
        flags=("--no_session",),
        value=Flag(),
        group=Group.RUN,
        help="run in this process, without using the model of another session",
    ),
)
