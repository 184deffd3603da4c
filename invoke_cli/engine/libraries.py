"""Import the heavy libraries offline and silently; call before anything else imports them."""

from __future__ import annotations

import os
import warnings


def prepare_libraries() -> None:
    """Import torch, transformers and diffusers with their logging silenced and the Hub disabled.

    Generation never uses the network; commands that fetch a model do so separately.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    for library in ("diffusers", "transformers", "torch", "torchsde", "huggingface_hub", "accelerate", "peft"):
        warnings.filterwarnings("ignore", module=rf"{library}(\..*)?$")
    _silence()


def _silence() -> None:
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
