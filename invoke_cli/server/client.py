"""The caller's side: an engine whose work an open session does, and an own one where there is none, or no longer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from invoke_cli.engine import (
    DiffusionJob,
    Engine,
    Hooks,
    ImageResult,
    Job,
    Memory,
    Model,
    NetworkJob,
    Tokens,
)
from invoke_cli.errors import Interrupted, InvokeError
from invoke_cli.events import Notice
from invoke_cli.planning.plan import Plan
from invoke_cli.server.connection import LOOK_SECONDS, Connection, Gone, Message, Unsendable, late, soon
from invoke_cli.server.handles import Handles
from invoke_cli.server.preview_throttle import as_seen, with_time
from invoke_cli.server.remote_errors import ALONE, count, raised
from invoke_cli.server.serialization import Handle
from invoke_cli.server.sockets import connections

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

WELCOME_SECONDS = 5.0
_PATIENCE = 1.0
_UNHEARD = Hooks(emit=lambda _: None)
_UNWANTED = Hooks(emit=lambda _: None, stopped=lambda: True)


class RemoteEngine:
    """Fulfils the `Engine` protocol by asking a session of this kind; when there is none any more, `own` opens an
    engine in its place.
    """

    def __init__(self, own: Callable[[], Engine], kind: str) -> None:
        self._open_own = own
        self._kind = kind
        self._own: Engine | None = None
        self._link: Connection | None = None
        self._handles = Handles()
        self._lost_before = False
        self._why = "the open session has gone"
        self._environment: Mapping[str, object] = {}

    def find_session(self, hooks: Hooks) -> bool:
        """Whether a session has let this caller in and its turn has come; Interrupted when it was stopped before."""
        for connection in connections(self._kind):
            self._link = Connection(connection, self._handles)
            with contextlib.suppress(Gone):
                self._link.send("hello", program=self._kind)
                if self._link.waits(WELCOME_SECONDS) and self._link.receive().kind == "welcome":
                    self._wait_for_turn(hooks)
                    self._call("environment", ())
                    self._environment = self._until_end(hooks)
                    return True
            self._forget_session()
        return False

    def _wait_for_turn(self, hooks: Hooks) -> None:
        assert self._link is not None
        patient, told = soon(_PATIENCE), False
        while not self._link.waits(LOOK_SECONDS):
            if hooks.stopped():
                self._link.close()
                raise Interrupted("stopped")
            if not told and late(patient):
                hooks.emit(Notice(text="waiting for the open session; --no_session does not"))
                told = True
        if self._link.receive().kind != "turn":
            raise Gone("no turn")

    # -- the protocol -----------------------------------------------------------------------------------------------

    def load(self, model: Model, hooks: Hooks) -> None:
        """Make the model ready in the session."""
        self._ask("load", model, hooks=hooks)

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        """The job's images; InvokeError when the session goes away after the first of them."""
        made = 0
        while self._link is not None:
            try:
                for result in self._results(job, hooks):
                    made += 1
                    yield result
                self._lost_before = False
                return
            except Gone as gone:
                self._lose(job.start if not made else Handle(0), hooks, gone)
        yield from self._alone(hooks).generate(job, hooks)

    def apply_network(self, job: NetworkJob, hooks: Hooks) -> Image.Image:
        """The picture that the network makes."""
        return cast("Image.Image", self._ask("through_network", job, hooks=hooks))

    def upscale(self, job: DiffusionJob, hooks: Hooks) -> Image.Image:
        """The picture that the diffusion upscaler makes; InvokeError when the latents it starts from are lost."""
        return cast("Image.Image", self._ask("upscale", job, hooks=hooks, needs=job.latents))

    def tokens(self, model: Model, text: str, hooks: Hooks) -> Tokens:
        """How the model's tokenizer reads `text`."""
        return cast(Tokens, self._ask("tokens", model, text, hooks=hooks))

    def segment(self, folder: Path, image: Image.Image, phrases: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        """Where a picture shows what each phrase names."""
        return cast("Sequence[NDArray[np.float32]]", self._ask("segment", folder, image, tuple(phrases)))

    def environment(self) -> Mapping[str, object]:
        """Versions, device, dtype and threads of the session; asked once, since records are written beside the work."""
        return self._own.environment() if self._own is not None else self._environment

    def memory(self) -> Memory:
        """The memory of the session's device."""
        return cast(Memory, self._ask("memory"))

    def estimate(self, plan: Plan, model: Model) -> int:
        """About how many bytes one image of the plan needs besides the weights."""
        return cast(int, self._ask("estimate", plan, model))

    def loaded(self) -> tuple[str, ...]:
        """The names of the models in the session's memory."""
        return cast(tuple[str, ...], self._ask("loaded"))

    def save(self, model: Model, folder: Path, hooks: Hooks) -> None:
        """Write the model, by an engine of one's own: the session has other things to do."""
        self._alone().save(model, folder, hooks)

    def unpickle(self, source: Path, target: Path) -> None:
        """Write a pickle's tensors, by an engine of one's own."""
        self._alone().unpickle(source, target)

    def unload(self) -> None:
        """Let the next caller have the session's engine."""
        self._forget_session()
        if self._own is not None:
            self._own.unload()

    # -- asking -----------------------------------------------------------------------------------------------------

    def _ask(self, name: str, *arguments: object, hooks: Hooks | None = None, needs: object = None) -> Any:
        """What the session's engine answers; when it has gone, what an own one does."""
        while self._link is not None:
            try:
                self._call(name, arguments)
                answer = self._until_end(hooks or _UNHEARD)
                self._lost_before = False
                return answer
            except Gone as gone:
                self._lose(needs, hooks or _UNHEARD, gone)
        return getattr(self._alone(hooks), name)(*arguments, *([hooks] if hooks else []))

    def _results(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        self._call("generate", (as_seen(job, hooks.viewer),))
        ended = False
        try:
            while (message := self._next(hooks)).kind == "result":
                yield message.value("value")
            ended = True
            self._end(message, hooks)
        except (Gone, InvokeError):
            ended = True
            raise
        finally:
            if not ended:
                self._break_off()

    def _call(self, name: str, arguments: tuple[object, ...]) -> None:
        assert self._link is not None
        self._link.send("call", name=name, arguments=arguments, keep=self._handles.alive())

    def _until_end(self, hooks: Hooks) -> Any:
        message = self._next(hooks)
        self._end(message, hooks)
        return message.value("value")

    def _next(self, hooks: Hooks) -> Message:
        """The next message that is no event: these are told. The wish to stop is passed on, once."""
        assert self._link is not None
        stopping = False
        while True:
            while not self._link.waits(LOOK_SECONDS):
                if hooks.stopped() and not stopping:
                    self._link.send("stop")
                    stopping = True
            message = self._link.receive()
            if message.kind != "event":
                return message
            hooks.emit(with_time(message.value("event"), hooks.viewer))

    @staticmethod
    def _end(message: Message, hooks: Hooks) -> None:
        """Count what the session counted, and raise what it raised."""
        try:
            count(hooks.counters, message.value("counters"))
            failure = raised(message.value("error")) if message.kind == "failed" else None
        except (KeyError, TypeError, ValueError) as error:
            raise Gone(f"an answer that cannot be read: {error}") from None
        if failure is not None:
            raise failure

    def _break_off(self) -> None:
        """Nobody wants the rest of the results: let them go by, however long the step takes that is being made."""
        try:
            while self._next(_UNWANTED).kind == "result":
                pass
        except Gone:
            self._forget_session()

    def _lose(self, needs: object, hooks: Hooks, gone: Gone) -> None:
        """The session has closed the connection: look for one once more, since it does so when it hears nothing for
        long; not for what no session takes. InvokeError when what is needed was there.
        """
        self._forget_session()
        unsendable = isinstance(gone, Unsendable)
        if isinstance(needs, Handle):
            message = "the session that drew this line was closed before it was finished"
            raise InvokeError(
                f"the open session cannot go on with this line: {gone}" if unsendable else message,
                hint=ALONE if unsendable else "type the line again: what was finished is kept",
            )
        if unsendable:
            self._why = f"the open session cannot be asked for this ({gone})"
        elif not self._lost_before:
            self._lost_before = self.find_session(hooks)

    def _alone(self, hooks: Hooks | None = None) -> Engine:
        if self._own is None:
            if hooks is not None:
                hooks.emit(Notice(text=f"{self._why}: its model is loaded here"))
            self._own = self._open_own()
        return self._own

    def _forget_session(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
