"""The `Engine` on torch and diffusers."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.engine import (
    DiffusionJob,
    EngineSettings,
    Hooks,
    ImageResult,
    Job,
    Memory,
    Model,
    NetworkJob,
    SegmentationJob,
    Tokens,
)
from invoke_cli.engine.conditioning.lora import active_loras, adapter_weights, unload_loras
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning, read_tokens
from invoke_cli.engine.conditioning.textual_inversion import active_embeddings
from invoke_cli.engine.control.controlnet import ControlNets
from invoke_cli.engine.control.ip_adapter import IPAdapters
from invoke_cli.engine.control.t2i_adapter import T2IAdapters
from invoke_cli.engine.devices import choose_device
from invoke_cli.engine.job_run import JobRun
from invoke_cli.engine.loading.convert import save_as_folder, unpickle
from invoke_cli.engine.loading.load import LoadedModel, check_model, load_model
from invoke_cli.engine.loading.model_cache import ModelCache
from invoke_cli.engine.lru_cache import LRUCache
from invoke_cli.engine.postprocess.diffusion_upscaler import load_upscaler, run_upscaler
from invoke_cli.engine.postprocess.network import load_network, run_network
from invoke_cli.engine.sampling.latent_effects import seamless
from invoke_cli.engine.sampling.optimizations import (
    best_optimizations,
    check_optimizations,
    offload_mode,
    optimizations,
)
from invoke_cli.engine.sampling.schedulers import reaches_zero_snr
from invoke_cli.engine.sampling.vae import ImageEncoder
from invoke_cli.engine.segmentation import Segmenter
from invoke_cli.engine.staged_run import StagedRun
from invoke_cli.engine.stock_run import StockRun
from invoke_cli.engine.threads import cpu_threads
from invoke_cli.errors import Interrupted
from invoke_cli.events import Loading, Notice
from invoke_cli.planning.fitting_size import working_memory
from invoke_cli.planning.plan import LoraUse, Plan

_MAX_PARTS_SHOWN = 8  # in the notice about a long prompt
_SAFE_SHARE = 0.8
MAX_CACHED_NETWORKS = 1


class DiffusersEngine:
    """Caches models, prompt embeddings and encoded init images; see the `Engine` protocol."""

    def __init__(self, settings: EngineSettings) -> None:
        self._device = choose_device(settings)
        self._models = ModelCache(self._device, limit=settings.max_loaded_models, max_bytes=settings.model_memory)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self._threads = torch.get_num_threads()
        self._conditioning = Conditioning()
        self._encoder = ImageEncoder()
        self._networks: LRUCache[Any] = LRUCache(MAX_CACHED_NETWORKS)
        self._segmenter = Segmenter()
        self._controlnets = ControlNets(self._device)
        self._ip_adapters = IPAdapters(self._device)
        self._t2i_adapters = T2IAdapters(self._device)

    def load(self, model: Model, hooks: Hooks) -> None:
        """Load the model; earlier models stay in memory while there is room."""
        self._ready(model, hooks)

    def check(self, model: Model) -> None:
        """Check that a single file contains the whole model, without loading it."""
        check_model(model)

    def check_loras(self, model: Model, loras: Sequence[LoraUse], hooks: Hooks) -> None:
        """Load the model, and activate the LoRAs for a moment."""
        with active_loras(self._ready(model, hooks), loras, lambda text: hooks.emit(Notice(text=text))):
            pass

    def best_fast(self, model: Model) -> str:
        """Return what `--fast auto` means for the model on this device."""
        return best_optimizations(model.facts.family, self._device)

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        """Yield the job's images as they finish."""
        with self._using_threads(job.threads):
            yield from self._images(job, hooks)

    def _images(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        request = job.plan.request
        if job.model.facts.zero_snr_source and job.first == 1 and not reaches_zero_snr(job.plan.sampler):
            text = f"{job.plan.sampler.name} does not support zero terminal SNR; ddim, k_euler and k_dpmpp_2 do"
            hooks.emit(Notice(text=text))
        check_optimizations(request, job.plan.family, self._device)
        loaded = self._ready(job.model, hooks, offload_mode(request, self._device))
        loaded = replace(
            loaded, adapters=adapter_weights(job.plan), controls=self._controlnets.get(loaded, job.plan.controls)
        )
        with self._ip_adapters.attached(loaded, job) as loaded:
            run = JobRun(loaded, self._device, job, hooks)
            try:
                with (
                    active_loras(loaded, job.plan.loras, lambda text: hooks.emit(Notice(text=text))),
                    active_embeddings(loaded, job.plan.embeddings),
                    optimizations(loaded, request, hooks.emit),
                    self._t2i_adapters.attached(loaded, job),
                    seamless([loaded.denoiser, loaded.vae, *loaded.controls], job.plan.latent_effects.seamless),
                ):
                    self._report_long_prompts(loaded, job, hooks)
                    if loaded.family.staged:
                        yield from StagedRun(run, self._conditioning, self._encoder).images(self._batch_size(job))
                    else:
                        yield from StockRun(run, self._conditioning).images()
            finally:
                run.restore()

    def apply_network(self, job: NetworkJob, hooks: Hooks) -> Image.Image:
        """Return the output of a single-file network; the last one used stays in memory."""
        network = self._networks.get(job.path, lambda: load_network(job.path, self._device))
        with cpu_threads(job.threads):
            return run_network(network, job, hooks)

    def upscale(self, job: DiffusionJob, hooks: Hooks) -> Image.Image:
        """Return the image enlarged by a diffusion upscaler; the last one used stays in memory."""
        hooks.counters.emit = hooks.trace if job.trace else None
        upscaler = job.work.upscaler
        pipeline = self._networks.get(upscaler.folder, lambda: load_upscaler(upscaler, self._device))
        with cpu_threads(job.threads):
            return run_upscaler(pipeline, job, self._device, hooks)

    def tokens(self, model: Model, text: str, hooks: Hooks) -> Tokens:
        """Tokenize `text` with the model's tokenizer."""
        return read_tokens(self._ready(model, hooks), text)

    def segment(self, job: SegmentationJob) -> Sequence[NDArray[np.float32]]:
        """Return a heat map of each phrase: (height, width), 0 to 1."""
        with cpu_threads(job.threads):
            return self._segmenter.heat_maps(job.folder, job.image, job.phrases, self._device)

    def environment(self) -> Mapping[str, object]:
        """Return the versions, device, dtype and thread count."""
        return {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
            "device": self._device.label,
            "dtype": self._device.dtype_name,
            "threads": torch.get_num_threads() if self._device.kind == "cpu" else 0,
        }

    def memory(self) -> Memory:
        """Return the device's current memory use."""
        return self._device.memory()

    def estimate(self, plan: Plan, model: Model) -> int:
        """Estimate the working memory of one image in bytes, from its pixels and the width of the VAE's last stage."""
        return working_memory(plan, model.facts, self._device.dtype.itemsize)

    def loaded(self) -> tuple[str, ...]:
        """Return the names of the loaded models, most recently used first."""
        return self._models.names()

    def save(self, model: Model, folder: Path, hooks: Hooks) -> None:
        """Write the model in the diffusers layout, without LoRA layers."""
        loaded = self._ready(model, hooks)
        unload_loras(loaded)
        save_as_folder(loaded, folder)

    def unpickle(self, source: Path, target: Path) -> None:
        """Convert a pickle's tensors to a .safetensors file, with the loader that executes no code."""
        unpickle(source, target)

    def unload(self) -> None:
        """Unload the models and everything derived from them, and release the memory."""
        self._models.clear()
        self._conditioning.clear()
        self._encoder.clear()
        self._networks.clear()
        self._segmenter.clear()
        self._controlnets.clear()
        self._t2i_adapters.clear()
        self._ip_adapters.clear()
        gc.collect()
        self._device.release()

    # -- parts -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _using_threads(self, count: int) -> Iterator[None]:
        """Use `count` threads, and forget what was computed with another number of threads."""
        with cpu_threads(count):
            if self._threads != torch.get_num_threads():
                self._conditioning.clear()
                self._encoder.clear()
                self._threads = torch.get_num_threads()
            yield

    @property
    def _loaded(self) -> LoadedModel | None:
        return self._models.current

    def _ready(self, model: Model, hooks: Hooks, offload: str = "") -> LoadedModel:
        """Return the loaded model; an empty `offload` accepts any offload mode."""

        def load(wanted: Model, shared: Mapping[str, object]) -> LoadedModel:
            return load_model(wanted, self._device, shared, offload or "none")

        if self._models.has(model, offload):
            return self._models.get(model, load, offload)
        if hooks.stopped():
            raise Interrupted("stopped")
        hooks.emit(Loading(model=model.spec.name))
        started = time.perf_counter()
        loaded = self._models.get(model, load, offload)
        hooks.emit(Loading(model=model.spec.name, seconds=time.perf_counter() - started))
        if model.facts.prediction_type_source:
            source = model.facts.prediction_type_source
            text = f"{model.spec.name} predicts {model.facts.prediction_type}, according to {source}"
            hooks.emit(Notice(text=text))
        if model.facts.zero_snr_source:
            source = model.facts.zero_snr_source
            reason = f"{model.spec.name} was trained with zero terminal SNR, according to {source}"
            text = f"{reason}: the noise schedule ends in pure noise"
            hooks.emit(Notice(text=text))
        for text in loaded.notices:
            hooks.emit(Notice(text=text))
        return loaded

    def _batch_size(self, job: Job) -> int:
        """Return the requested batch size; by default 1 on the CPU, and on a GPU as many images as fit."""
        requested = job.batch_size or job.plan.parallel
        if requested:
            return requested
        if not self._device.is_accelerator:
            return 1
        free = self._device.memory().free * _SAFE_SHARE
        return max(1, min(8, int(free // self.estimate(job.plan, job.model))))

    def _report_long_prompts(self, loaded: LoadedModel, job: Job, hooks: Hooks) -> None:
        for name, prompt in (("prompt", job.plan.prompt.positive), ("negative prompt", job.plan.prompt.negative)):
            limit = job.plan.family.max_tokens - 2
            if (len(prompt) <= limit and not job.plan.embeddings) or job.first != 1:
                continue
            tokens = read_tokens(loaded, prompt)
            if tokens.cut:
                words = " ".join(tokens.cut)[:80]
                text = f"the {name} is longer than {limit} tokens; the model ignores: {words!r}"
                hooks.emit(Notice(text=text))
            elif tokens.windows:
                sizes = " + ".join(map(str, tokens.windows[:_MAX_PARTS_SHOWN]))
                more = " + …" if len(tokens.windows) > _MAX_PARTS_SHOWN else ""
                parts = f"{len(tokens.windows)} parts ({sizes}{more})"
                hooks.emit(Notice(text=f"the {name} has {len(tokens.read)} tokens and is read in {parts}"))
