"""Tell what kind of adapter a file contains, by the names of its tensors. Pure text; reads no files."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class AdapterKind:
    """A row of the table of adapters that are not plain LoRAs.

    Attributes:
        label: Its name, for messages.
        pattern: A regular expression that a tensor name of such a file matches.
        lycoris: Whether the package lycoris-lora implements it.
        remedy: What to do instead, if nothing here implements it.
        unsupported_control: Whether it is a control model of a kind that diffusers does not implement.
        technique: The technique, for a kind of ControlNet (a value of `Technique`).
    """

    label: str
    pattern: str
    lycoris: bool = False
    remedy: str = ""
    unsupported_control: bool = False
    technique: str = ""


ADAPTER_KINDS: tuple[AdapterKind, ...] = (
    AdapterKind(
        label="a ControlNet-LLLite", pattern=r"^lllite_", unsupported_control=True,
        remedy="diffusers does not support it; use a ControlNet of the same kind (!import_model)",
    ),
    AdapterKind(
        label="a Control-LoRA", pattern=r"^lora_controlnet$", technique="Control-LoRA",
        remedy="import it with !import_model FILE and use it with --control KIND:IMAGE",
    ),
    AdapterKind(
        label="a ControlNet Union", pattern=r"^(task_embedding$|control_add_embedding\.)", technique="ControlNet Union",
        remedy="import it with !import_model FILE and use it with --control KIND:IMAGE",
    ),
    AdapterKind(
        label="a ControlNet", pattern=r"^(control_model\.)?(controlnet_cond_embedding|input_hint_block)\.",
        technique="ControlNet",
        remedy="import it with !import_model FILE and use it with --control KIND:IMAGE",
    ),
    AdapterKind(
        label="an IP-Adapter", pattern=r"^(ip_adapter|image_proj)\.",
        remedy="import it with !import_model FILE and use it with --control ip:IMAGE",
    ),
    AdapterKind(
        label="a textual inversion embedding", pattern=r"^(emb_params|clip_[lg])$",
        remedy="move it to the folder of embeddings and write <NAME> in the prompt",
    ),
    AdapterKind(
        label="a model checkpoint", pattern=r"^(model\.diffusion_model\.|first_stage_model\.)",
        remedy="import it with !import_model FILE and choose it with -m",
    ),
    AdapterKind(label="a LyCORIS file (LoHa)", pattern=r"\.hada_w[12]_[ab]$", lycoris=True),
    AdapterKind(label="a LyCORIS file (LoKr)", pattern=r"\.lokr_w[12](_[ab])?$", lycoris=True),
    AdapterKind(label="a LyCORIS file (IA3)", pattern=r"\.on_input$", lycoris=True),
    AdapterKind(label="a LyCORIS file (full difference)", pattern=r"\.(diff|diff_b|w_norm|b_norm)$", lycoris=True),
    AdapterKind(label="a LyCORIS file (OFT)", pattern=r"\.(oft_blocks|oft_diag)$", lycoris=True),
    AdapterKind(label="a LyCORIS file (GLoRA)", pattern=r"\.[ab][12]\.weight$", lycoris=True),
    AdapterKind(label="a LyCORIS file (LoCon with Tucker decomposition)", pattern=r"\.lora_mid\.weight$", lycoris=True),
)  # fmt: skip


def adapter_kind(names: Collection[str]) -> AdapterKind | None:
    """Return the row of a file that is not a plain LoRA, by the names of its tensors; None for a LoRA."""
    patterns = ((row, re.compile(row.pattern)) for row in ADAPTER_KINDS)
    return next((row for row, pattern in patterns if any(pattern.search(name) for name in names)), None)
