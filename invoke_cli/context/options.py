"""The options of a session: set at launch, or by the caller of the library."""

from __future__ import annotations

from dataclasses import dataclass, field

from invoke_cli.language.switches.launch import Options
from invoke_cli.request import GenerationRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """The options of a session.

    Attributes:
        root: The root folder; None for the default (see `paths.find_paths`).
        config: The models.yaml to use instead of the user's own.
        device: The device; None for that of invoke.init, or else the engine's choice.
        precision: The precision; None for that of invoke.init, or else the engine's choice.
        offline: Whether network access is forbidden.
        no_last_model: Whether the prompt begins with the default model, not with that of the last `!switch`.
        max_loaded_models: The number of models to keep in memory; None for that of invoke.init, or else no limit.
        model_memory: The gigabytes that loaded models may take; None for that of invoke.init, or else no limit.
        workers: The number of workers, `auto` for one on each accelerator, or the address of a Ray cluster; None for
            that of invoke.init, or none.
        worker_root: The root folder on the nodes of a cluster; None for that of invoke.init, or each node's own.
        devices: The devices of the workers, separated by commas.
        threads: The number of CPU threads, of each worker if there are several; None for that of invoke.init, or else
            torch's choice.
        embedding_path: A further folder of embeddings.
        lora_directory: A further folder of LoRAs.
        defaults: The line switches that were set at launch without a prompt.
    """

    root: str | None = None
    config: str | None = None
    device: str | None = None
    precision: str | None = None
    offline: bool = False
    no_last_model: bool = False
    max_loaded_models: str | None = None
    model_memory: str | None = None
    workers: str | None = None
    worker_root: str | None = None
    devices: str | None = None
    threads: str | None = None
    embedding_path: str | None = None
    lora_directory: str | None = None
    defaults: GenerationRequest = field(default_factory=GenerationRequest)


def session_options(options: Options, defaults: GenerationRequest) -> SessionOptions:
    """Convert parsed launch options to session options."""
    return SessionOptions(
        root=_text(options, "root"),
        config=_text(options, "config"),
        device=_text(options, "device"),
        precision=_text(options, "precision"),
        offline=bool(options.get("offline")),
        no_last_model=bool(options.get("no_last_model")),
        max_loaded_models=_text(options, "max_loaded_models"),
        model_memory=_text(options, "model_memory"),
        workers=_text(options, "workers"),
        worker_root=_text(options, "worker_root"),
        devices=_text(options, "devices"),
        threads=_text(options, "threads"),
        embedding_path=_text(options, "embedding_path"),
        lora_directory=_text(options, "lora_directory"),
        defaults=defaults,
    )


def _text(options: Options, name: str) -> str | None:
    value = options.get(name)
    return value if isinstance(value, str) else None
