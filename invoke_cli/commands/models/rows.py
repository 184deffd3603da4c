"""Rows of the command table: commands on models and their entries."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.models import import_model, model_entries, model_list
from invoke_cli.language.grammar.command_switches import CommandSwitch

MODEL_COMMANDS: tuple[Command, ...] = (
    Command(
        name="models",
        usage="[--for SUBJECT]",
        argument=Argument.TEXT,
        run=model_list.models,
        only_reports=True,
        switches=(CommandSwitch(name="--for", takes_value=True),),
        help="list the models: active, loaded or missing; --for lists those tagged for a subject",
    ),
    Command(
        name="model",
        usage="[name]",
        argument=Argument.MODEL,
        run=model_entries.model,
        only_reports=True,
        switches=(),
        help="show a model: family, size, precision, hashes, unsupported switches",
    ),
    Command(
        name="switch",
        usage="name",
        argument=Argument.MODEL,
        run=model_entries.switch,
        changes_settings=True,
        switches=(),
        help="use another model for the following lines",
    ),
    Command(
        name="import_model",
        usage="source [name] [base=FOLDER] [vae=PATH] [control=KIND]",
        argument=Argument.PATH,
        run=import_model.import_model,
        switches=(),
        help="add a model or a control model: a folder, a .safetensors file, or a download (owner/name or https://…) "
        "after showing its size",
    ),
    Command(
        name="edit_model",
        usage="name [setting value | setting none]",
        argument=Argument.MODEL,
        run=model_entries.edit_model,
        help="show the entry of a model, or change one of its settings",
    ),
    Command(
        name="del_model",
        usage="name",
        argument=Argument.MODEL,
        run=model_entries.del_model,
        switches=(),
        help="remove an entry; the files are kept",
    ),
    Command(
        name="triggers",
        usage="[name]",
        argument=Argument.MODEL,
        run=model_entries.triggers,
        only_reports=True,
        switches=(),
        help="show the trigger words of a model, a LoRA or an embedding; without a name, of all of them",
    ),
    Command(
        name="convert_model",
        usage="file [target]",
        argument=Argument.MODEL_OR_PATH,
        run=model_entries.convert_model,
        switches=(),
        help="convert a .safetensors file to a folder, or a .ckpt file to .safetensors with a loader that runs no code",
    ),
)
