"""The words of a line that its models do not know."""

from __future__ import annotations

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import Model
from invoke_cli.errors import InvokeError
from invoke_cli.generation.resolved_line import ResolvedLine
from invoke_cli.models.files.words import read_vocabulary, unknown_words_notice


def unknown_words(context: SessionContext, line: ResolvedLine) -> str:
    """Return one notice on the unknown words in the prompts of all stages; empty if there are none.

    A stage whose model cannot be used is left out: preparing it reports that.
    """
    prompts: dict[str, list[str]] = {}
    models: dict[str, Model] = {}
    model = line.first.model
    for index, stage in enumerate(line.stages):
        if index and stage.request.model:
            try:
                model = context.settings.model(stage.request.model)
            except InvokeError:
                break
        prompt = line.request.prompt if index == 0 else stage.request.prompt
        models[model.spec.name] = model
        prompts.setdefault(model.spec.name, []).append(prompt or "")
    notices = []
    for name, model in models.items():
        vocabulary = read_vocabulary(model.facts.folder, model.spec.words)
        if vocabulary is not None:
            notices.append(unknown_words_notice(vocabulary, name, prompts[name]))
    return "; ".join(filter(None, notices))
