"""The session of the library: calls with keyword arguments return their images and raise their errors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

from PIL import Image

from invoke_cli.api.arguments import request_from
from invoke_cli.api.history import History
from invoke_cli.api.image_files import ImageFiles
from invoke_cli.api.keywords import SessionSettings, Settings
from invoke_cli.api.notebook import NO_BAR, ProgressBar, is_notebook
from invoke_cli.api.results import Result, Results
from invoke_cli.api.turns import turn, turn_passed_on
from invoke_cli.context.context import Streams
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.events import Emit, Event, Failed, Message, Step
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.line import generate
from invoke_cli.generation.resolved_line import resolve_line
from invoke_cli.language.grammar.line import Blank, Generation, Quit, Stage, parse
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.formats.invokeai2 import SD_METADATA
from invoke_cli.output.writer import SavedImage
from invoke_cli.planning.plan import Plan
from invoke_cli.replay.resume import resume_from_latents
from invoke_cli.request import GenerationRequest
from invoke_cli.session import Session as LineSession
from invoke_cli.session import discard_event

OnStep = Callable[[Image.Image], object]
_OPTIONS = frozenset(each.name for each in fields(SessionOptions)) - {"defaults"}
_CLOSED = "this session is closed"


class Session:
    """Generates images. Use it in a `with` statement, or close it.

    The model is loaded with the first image and stays loaded. Calls return at once; their images are generated one
    after the other on a thread of the session.

    Args:
        emit: Receives the events of all calls (`invoke_cli.events`), on the session's thread.
        progress: Whether to show a progress bar; by default in notebooks.
        options: Launch options, such as `device`, `precision`, `root` and `offline`; and the arguments of `generate`,
            such as `model`, `steps` or `outdir`, which become the defaults of all calls.

    Raises:
        TypeError: There is no such argument.
        InvokeError: A value is invalid.
    """

    def __init__(
        self, *, emit: Emit = discard_event, progress: bool | None = None, **options: Unpack[SessionSettings]
    ) -> None:
        self._emit = emit
        self._files = ImageFiles()
        self._bar = ProgressBar() if (is_notebook() if progress is None else progress) else NO_BAR
        self._on_step: OnStep | None = None
        self._current: Results | None = None
        self._failure: InvokeError | None = None
        self._calls: list[Results] = []
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="invoke-session")
        launch: dict[str, Any] = {name: value for name, value in options.items() if name in _OPTIONS}
        others = {name: value for name, value in options.items() if name not in _OPTIONS}
        defaults = self._request(None, others, also=_OPTIONS)
        streams = Streams(viewer=_StepViewer(lambda: self._on_step is not None), saved=self._add)
        self._session = LineSession(SessionOptions(**launch, defaults=defaults), emit=self._receive, streams=streams)

    def generate(
        self, prompt: str | None = None, *, on_step: OnStep | None = None, **arguments: Unpack[Settings]
    ) -> Results:
        """Start to generate the images of a prompt.

        Args:
            prompt: The prompt; None for that of the init image.
            on_step: Called on the session's thread with a small image of what is being generated, after each step; its
                `info` has `step` and `steps`. It is one grey pixel if the model has no previews. Returning False
                stops the call.
            arguments: The settings, under the names of the switches' long spellings or of `GenerationRequest`. Images
                are paths, PIL images or arrays. `outdir=None` leaves no file.

        Returns:
            The images.

        Raises:
            TypeError: There is no such argument.
            InvokeError: A value is invalid. Other errors are raised by the results.
        """
        stage = Stage(request=self._request(prompt, arguments))
        return self._start(lambda: generate(self._session.context, (stage,), resume_from_latents), on_step)

    def run(self, line: str, *, on_step: OnStep | None = None) -> Results:
        """Start to run a line as it is typed at the prompt: prompts with switches, chains, commands.

        Raises:
            InvokeError: The line cannot be parsed. Other errors are raised by the results.
        """
        parsed = parse(line)
        if isinstance(parsed, Blank | Quit):
            raise LineError("this line generates nothing", hint="close() ends a session")
        if isinstance(parsed, Generation):
            return self._start(lambda: self._session.draw(line), on_step)
        return self._start(lambda: self._run_command(line), on_step)

    def draw(self, line: str) -> list[Result]:
        """Generate the images of a line. Deprecated: use `run`."""
        warnings.warn("Session.draw(line) is now Session.run(line).all()", DeprecationWarning, stacklevel=2)
        return self.run(line).all()

    def plan(self, prompt: str | None = None, **arguments: Unpack[Settings]) -> Plan:
        """Return what `generate` would do with the same arguments, without loading a model.

        Raises:
            InvokeError: It would fail.
        """
        stage = Stage(request=self._request(prompt, arguments))
        self._check_open()
        return self._thread.submit(self._plan, stage).result()

    def stop(self) -> None:
        """Stop all calls after the current step. Finished images are kept."""
        for call in self._calls:
            call.stop()

    @property
    def history(self) -> History:
        """The images of the output folder, by number and by search."""
        self._check_open()
        return History(Path(self._session.context.settings.outdir()))

    def close(self) -> None:
        """Wait for the calls that have begun, and unload the model.

        Raises:
            InvokeError: A call failed whose results nobody asked for.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.shutdown(wait=True)
        except KeyboardInterrupt:
            self.stop()
            self._thread.shutdown(wait=True)
            raise
        finally:
            self._session.close()
            self._files.close()
        for call in self._calls:
            call.raise_unreported()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        self.stop()
        try:
            self.close()
        except InvokeError as second:
            error.add_note(f"another call failed, too: {second}")

    # -- calls -----------------------------------------------------------------------------------------------------

    def _request(
        self, prompt: str | None, arguments: Mapping[str, object], also: frozenset[str] = frozenset()
    ) -> GenerationRequest:
        named = dict(arguments)
        if "outdir" in named and named["outdir"] is None:
            named["outdir"] = str(self._files.results)
        return request_from(prompt, named, self._files, also=also)

    def _start(self, work: Callable[[], object], on_step: OnStep | None) -> Results:
        self._check_open()
        results = Results(lambda: self._stop(results))
        self._calls = [*(call for call in self._calls if not call.is_settled), results]
        call: Future[None] = self._thread.submit(self._run, results, work, on_step)
        call.add_done_callback(results.finish)
        return results

    def _run(self, results: Results, work: Callable[[], object], on_step: OnStep | None) -> None:
        """Run a call on the session's thread."""
        self._current, self._on_step, self._failure = results, on_step, None
        self._session.context.begin()
        try:
            if not results.stopped:
                with turn():
                    work()
        finally:
            self._current, self._on_step = None, None
            self._bar.close()

    def _run_command(self, line: str) -> None:
        outcome = self._session.run(line)
        if outcome is not Outcome.OK and self._failure is not None:
            raise self._failure

    def _plan(self, stage: Stage) -> Plan:
        context = self._session.context
        context.begin()
        return prepare_line(context, *resume_from_latents(context, resolve_line(context, (stage,)))).plan

    def _stop(self, results: Results) -> None:
        if results is self._current:
            self._session.stop()

    def _check_open(self) -> None:
        if self._closed:
            raise InvokeError(_CLOSED, hint="open another one: with Session() as session: …")

    # -- what the session reports ----------------------------------------------------------------------------------

    def _add(self, saved: SavedImage) -> None:
        if self._current is None:
            return
        kept = not self._files.holds(saved.path)
        result = Result(
            image=saved.image,
            path=saved.path if kept else None,
            number=saved.number if kept else None,
            seed=saved.seed,
            line=self._files.without_folder(saved.line),
            seconds=saved.seconds,
            metadata=_settings_of(saved.path),
        )
        self._current.add(result)

    def _receive(self, event: Event) -> None:
        """Pass on an event, and do what it means for the current call."""
        if self._current is not None and self._current.stopped:
            self._session.stop()  # it was stopped before its work began
        with turn_passed_on():
            self._emit(event)
        match event:
            case Message() if self._current is not None:
                self._current.add_text(event.text)
            case Failed() if self._failure is None:
                self._failure = event.error
            case Step():
                self._bar.show(event)
                self._show_step(event)

    def _show_step(self, event: Step) -> None:
        if self._on_step is None or self._current is None:
            return
        preview = event.preview
        shown = Image.frombytes("RGB", (preview.width, preview.height), preview.rgb) if preview else None
        image = shown or Image.new("RGB", (1, 1), "grey")
        image.info.update(step=event.step, steps=event.steps, image=event.image, images=event.images)
        with turn_passed_on():
            goes_on = self._on_step(image)
        if goes_on is False:
            self._current.stop()


def _settings_of(path: Path) -> Mapping[str, Any]:
    """Return the settings that an image file contains; empty without any."""
    text = read_chunks(path).get(SD_METADATA)
    found: Mapping[str, Any] = json.loads(text) if text else {}
    return found


class _StepViewer:
    """Asks for a preview of every step of a call that shows its steps."""

    def __init__(self, is_wanted: Callable[[], bool]) -> None:
        self._is_wanted = is_wanted

    def shows(self, kind: str) -> bool:  # noqa: ARG002
        return False

    def wants(self, kind: str) -> bool:
        return self._is_wanted() and kind != "off"
