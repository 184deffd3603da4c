"""Rows of the command table: what is known of models, and their entries."""

from __future__ import annotations

from invoke_cli.commands.command import Argument, Command
from invoke_cli.commands.models import entries, listing

MODEL_COMMANDS: tuple[Command, ...] = (
    Command(
        name="models",
        usage="[--for KIND]",
        argument=Argument.TEXT,
        run=listing.models,
        help="the models: active, loaded, not present; or those that are good for a kind of picture",
    ),
    Command(
        name="model",
        usage="[name]",
        argument=Argument.MODEL,
        run=entries.model,
        help="all that is known of a model: family, size, precision, hashes, what it cannot do",
    ),
    Command(
        name="switch", usage="name", argument=Argument.MODEL, run=entries.switch, help="use another model from now on"
    ),
    Command(
        name="import_model",
        usage="source [name] [base=FOLDER] [vae=PLACE] [control=KIND]",
        argument=Argument.TEXT,
        run=entries.import_model,
        help="enter a folder or a .safetensors file, of a control model too; owner/name or https://… is fetched, its "
        "size told before",
    ),
    Command(
        name="edit_model",
        usage="name [setting value | setting none]",
        argument=Argument.MODEL,
        run=entries.edit_model,
        help="show a model's entry, or change a setting of it",
    ),
    Command(
        name="del_model",
        usage="name",
        argument=Argument.MODEL,
        run=entries.del_model,
        help="forget an entry; files stay",
    ),
    Command(
        name="triggers",
        usage="[name]",
        argument=Argument.MODEL,
        run=entries.triggers,
        help="the words that a model was trained to answer to",
    ),
    Command(
        name="convert_model",
        usage="file [target]",
        argument=Argument.TEXT,
        run=entries.convert_model,
        help="a .safetensors file into a folder, a .ckpt into .safetensors by the loader that runs no code",
    ),
)
