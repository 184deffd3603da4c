"""`!check`: whether a line can run, with all of its problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from PIL import Image

from invoke_cli.commands.command import Call
from invoke_cli.context.command_clash import command_clash
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, ImageError, Interrupted, InvokeError
from invoke_cli.events import Event, Item
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.line import REMEDIES
from invoke_cli.generation.prepare import Prepared, without_file
from invoke_cli.generation.resolved_line import resolve_line
from invoke_cli.inputs.supplied import SuppliedInputs
from invoke_cli.language.grammar.line import Generation, Stage, parse
from invoke_cli.language.switches.switch import Needs
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.replay.resume import resume_from_latents
from invoke_cli.request import GenerationRequest

_STANDING_IN = (512, 512)  # the size of the image that stands in for an init image which cannot be used
_MASKED = frozenset(row.field for row in SWITCHES if row.needs is Needs.MASK) | {"init_mask", "text_mask"}
_ENLARGING = frozenset({"upscale", "upscaler", "new_prompt", "save_original"})
# Switches that are left out together, since the others are errors without the first.
_GROUPS = {"init_mask": _MASKED, "text_mask": _MASKED, "upscale": _ENLARGING, "upscaler": _ENLARGING}


def check(context: SessionContext, call: Call) -> None:
    """Check whether a line can run: weights, images, adapters, prompt length, memory. Raises its problems if not."""
    parsed = parse(call.argument or '""')
    if not isinstance(parsed, Generation):
        raise CommandError("!check takes a line that generates images", hint='!check "a red boat" -I sketch.png')
    examination = _Examination(context, parsed.stages)
    with _each_event_once(context):
        prepared = examination.prepared()
    problems = examination.problems
    findings = list(_facts(context, prepared, examination)) if prepared is not None else []
    _report(context, findings, problems)
    if len(problems) > 1:
        raise CommandError(f"this line has {len(problems)} problems", hint="see the list above")
    if problems:
        raise problems[0]


def _report(context: SessionContext, facts: Sequence[_Finding], problems: Sequence[InvokeError]) -> None:
    """Show the facts of a line, its problems unless a single one is about to be raised, and a clash of commands."""
    findings = list(facts)
    if len(problems) > 1:
        findings += [_Finding(part="problem", text=_described(error)) for error in problems]
    if clash := command_clash():
        findings.append(_Finding(part="command", text=clash))
    if findings:
        context.say("\n".join(each.line for each in findings), items=[each.item for each in findings])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Finding:
    """What is known of a part of a line, in words and as values for programs."""

    part: str
    text: str
    values: Item = field(default_factory=dict)

    @property
    def line(self) -> str:
        return f"{self.part:<8} {self.text}"

    @property
    def item(self) -> Item:
        return {"kind": "finding", "part": self.part, "text": self.text, **self.values}


@contextmanager
def _each_event_once(context: SessionContext) -> Iterator[None]:
    """Emit equal events, such as the notices of each attempt to prepare the line, only once."""
    emit, seen = context.emit, list[Event]()

    def emit_once(event: Event) -> None:
        if event not in seen:
            seen.append(event)
            emit(event)

    context.emit = emit_once
    try:
        yield
    finally:
        context.emit = emit


def _described(error: InvokeError) -> str:
    row = by_field().get(error.field or "")
    where = f"{row.spelling}: " if row is not None and row.spelling not in error.message else ""
    return f"{where}{error.message}" + (f" ({error.hint})" if error.hint else "")


def _facts(context: SessionContext, prepared: Prepared, examination: _Examination) -> Iterator[_Finding]:
    """Yield what is known of the parts of a line that can be used. Adds a problem if the memory is too small."""
    stages = (prepared, *prepared.later)
    unusable = {error.field for error in examination.problems}
    for model in {stage.model.spec.name: stage.model for stage in stages}.values() if "model" not in unusable else ():
        size = model.facts.size_on_disk
        text = f"{model.spec.name}: {size / 1e6:.0f} MB, complete"
        yield _Finding(part="weights", text=text, values={"model": model.spec.name, "bytes": size})
    plan = prepared.plan
    if prepared.init is not None and not examination.stands_in:
        text = f"{prepared.init.name}: {prepared.init.size}, result {plan.result_size}"
        yield _Finding(part="image", text=text, values={"size": prepared.init.size, "result_size": plan.result_size})
    for stage in stages:
        yield from _inputs(stage)
    examination.check_loras(stages)
    if not unusable & {"model", "prompt"}:
        yield _tokens(context, prepared)
    needed, state = context.engine.estimate(plan, prepared.model), context.engine.memory()
    text = f"about {needed / 1e9:.2f} GB for an image, {state.free / 1e9:.2f} GB free on {state.device}"
    yield _Finding(part="memory", text=text, values={"needed": needed, "free": state.free, "device": state.device})
    if needed > state.free:
        examination.problems.append(CommandError("this line needs more memory than is available", hint=REMEDIES))


def _tokens(context: SessionContext, prepared: Prepared) -> _Finding:
    tokens = context.engine.tokens(prepared.model, prepared.plan.prompt.positive, context.hooks())
    rest = " (the rest is truncated)" if tokens.cut else f", in {len(tokens.windows)} parts" if tokens.windows else ""
    most = prepared.plan.family.max_tokens - 2
    values = {"tokens": len(tokens.read), "max_tokens": most, "cut": len(tokens.cut)}
    return _Finding(part="prompt", text=f"{len(tokens.read)} of {most} tokens{rest}", values=values)


def _inputs(stage: Prepared) -> Iterator[_Finding]:
    """Yield each further input of a stage."""
    plan = stage.plan
    if plan.mask is not None:
        text = f"{plan.mask.name or 'transparency'}: {plan.mask.share:.0%} of the image"
        yield _Finding(part="mask", text=text, values={"share": plan.mask.share})
    for lora in plan.loras:
        text = f"{lora.name}: weight {lora.weight:g}"
        yield _Finding(part="lora", text=text, values={"model": lora.name, "weight": lora.weight})
    for use in plan.controls:
        text = f"{use.name}: {use.requested_kind} by {use.model}, weight {use.weight:g}"
        yield _Finding(part="control", text=text, values={"model": use.model, "weight": use.weight})
    for clause in plan.postprocessing.clauses():
        yield _Finding(part="after", text=clause)


class _Examination:
    """Prepares a line again and again, each time without the cause of the problem that was found.

    Attributes:
        problems: The problems, in the order in which they were found.
        stands_in: Whether an empty image stands in for an init image that cannot be used.
    """

    def __init__(self, context: SessionContext, stages: Sequence[Stage]) -> None:
        self.context = context
        self.stages = tuple(stages)
        self.problems: list[InvokeError] = []
        self.stands_in = False

    def prepared(self) -> Prepared | None:
        """Return the line without its problems; None if nothing else can be checked."""
        while True:
            try:
                return self._prepare(self.stages)
            except Interrupted:
                raise
            except InvokeError as error:
                if not self._leave_out(error):
                    return None

    def check_loras(self, stages: Sequence[Prepared]) -> None:
        """Record a problem for each LoRA that does not fit the model of its stage, if that can be used."""
        if "model" in [error.field for error in self.problems]:
            return
        for model, lora in [(stage.model, lora) for stage in stages for lora in stage.plan.loras]:
            try:
                self.context.engine.check_loras(model, (lora,), self.context.hooks())
            except Interrupted:
                raise
            except InvokeError as error:
                self.problems.append(error)

    def _prepare(self, stages: Sequence[Stage]) -> Prepared:
        line = resolve_line(self.context, stages)
        if self.stands_in:
            image = without_file(Image.new("RGB", _STANDING_IN))
            return prepare_line(self.context, line, SuppliedInputs(init=image))
        line, supplied = resume_from_latents(self.context, line)
        return prepare_line(self.context, line, supplied)

    def _leave_out(self, error: InvokeError) -> bool:
        """Record a problem and leave out its cause; return whether the rest of the line can be checked."""
        known = [(each.message, each.stage) for each in self.problems]
        if (error.message, error.stage) in known:
            return False
        if self._follows_from_model(error):
            return False
        self.problems.append(error)
        number = min(error.stage, len(self.stages) - 1)
        name, request = error.field or "", self.stages[number].request
        if name == "init_image" and not self.stands_in:
            self.stands_in = True
            return True
        value = getattr(request, name, None)
        if not value:
            return False
        if name in by_field() and by_field()[name].is_repeatable:
            self._add_problems_of_each(number, name, value)
        self.stages = self._with(number, self._without(request, name))
        return True

    def _follows_from_model(self, error: InvokeError) -> bool:
        """Return whether a problem may be that of the model which stands in for an unknown one."""
        return any(each.field == "model" for each in self.problems) and not isinstance(error, ImageError)

    def _add_problems_of_each(self, number: int, name: str, values: Sequence[object]) -> None:
        """Record the problems of each value of a switch that may be repeated, such as each LoRA."""
        for value in values:
            alone = GenerationRequest.of(self.stages[number].request.set_fields() | {name: (value,)})
            try:
                self._prepare(self._with(number, alone))
            except Interrupted:
                raise
            except InvokeError as error:
                if error.field == name and error.message not in [each.message for each in self.problems]:
                    self.problems.append(error)

    def _with(self, number: int, request: GenerationRequest) -> tuple[Stage, ...]:
        """Return the stages with another request in one of them."""
        changed = replace(self.stages[number], request=request)
        return (*self.stages[:number], changed, *self.stages[number + 1 :])

    def _without(self, request: GenerationRequest, name: str) -> GenerationRequest:
        if name == "prompt":
            return replace(request, prompt="")
        left_out = _GROUPS.get(name, frozenset({name}))
        return GenerationRequest.of({key: value for key, value in request.set_fields().items() if key not in left_out})
