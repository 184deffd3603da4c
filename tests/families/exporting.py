"""Tiny models as single files, in the layouts of published checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Tensors = Mapping[str, Any]


def _unet_key(key: str) -> str:
    """Return CompVis' name of a UNet's tensor, for two blocks of one resnet."""
    fixed = {
        "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    }  # fmt: skip
    for name, target in fixed.items():
        if key.startswith(f"{name}."):
            return key.replace(name, target, 1)
    match = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", key)
    if match:
        way, block, kind, number, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if way == "down":
            place = 1 + block * 2
            stem = {"resnets": f"input_blocks.{place}.0", "attentions": f"input_blocks.{place}.1",
                    "downsamplers": f"input_blocks.{place + 1}.0"}[kind]  # fmt: skip
            rest = rest.replace("conv.", "op.") if kind == "downsamplers" else rest
        else:
            place = block * 2 + number
            attended = block == 0
            last = {"upsamplers": f"output_blocks.{block * 2 + 1}.{2 if attended else 1}"}
            stem = {"resnets": f"output_blocks.{place}.0", "attentions": f"output_blocks.{place}.1", **last}[kind]
        return f"{stem}.{_resnet(rest) if kind == 'resnets' else rest}"
    match = re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", key)
    assert match, key
    place = 1 if match[1] == "attentions" else 2 * int(match[2])
    return f"middle_block.{place}.{_resnet(match[3]) if match[1] == 'resnets' else match[3]}"


def _resnet(rest: str) -> str:
    names = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
             "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
    name, _, last = rest.partition(".")
    return f"{names[name]}.{last}"


def _vae_key(key: str) -> str:
    """Return CompVis' name of a VAE's tensor, for four blocks."""
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d+)\.resnets", lambda match: f"up.{3 - int(match[1])}.block", key)
    key = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda match: f"up.{3 - int(match[1])}.upsample", key)
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda match: f"mid.block_{int(match[1]) + 1}", key)
    key = key.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
    for name, target in {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}.items():
        key = key.replace(f"attn_1.{name}.", f"attn_1.{target}.")
    return key


def _vae(tensors: Tensors) -> Iterator[tuple[str, Any]]:
    for key, value in tensors.items():
        name = _vae_key(key)
        convolved = "attn_1" in name and "norm" not in name and name.endswith("weight")
        yield f"first_stage_model.{name}", value[..., None, None] if convolved else value


def _clip(tensors: Tensors, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tensors.items():
        yield f"{prefix}text_model.{key.removeprefix('text_model.')}", value


def _open_clip(tensors: Tensors, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield a text encoder's tensors as OpenCLIP names them, with query, key and value in one."""
    import torch

    plain = {key.removeprefix("text_model."): value for key, value in tensors.items()}
    names = {
        "embeddings.token_embedding.weight": "token_embedding.weight", "text_projection.weight": "text_projection",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight", "final_layer_norm.bias": "ln_final.bias",
    }  # fmt: skip
    for key, value in plain.items():
        if key in names:
            yield f"{prefix}{names[key]}", value.T if key == "text_projection.weight" else value
            continue
        match = re.match(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", key)
        if match is None:
            continue
        layer = f"{prefix}transformer.resblocks.{match[1]}"
        part, kind = match[2], match[3]
        if part == "self_attn.q_proj":
            rows = [plain[key.replace("q_proj", f"{name}_proj")] for name in "qkv"]
            yield f"{layer}.attn.in_proj_{kind}", torch.cat(rows)
        elif part not in ("self_attn.k_proj", "self_attn.v_proj"):
            target = {"self_attn.out_proj": "attn.out_proj", "layer_norm1": "ln_1", "layer_norm2": "ln_2",
                     "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}[part]  # fmt: skip
            yield f"{layer}.{target}.{kind}", value


def export(folder: Path, file: Path) -> Path:
    """Write the tiny Stable Diffusion 1, 2 or XL in `folder` as one file and return the file."""
    from safetensors.torch import load_file, save_file

    def part(name: str) -> Tensors:
        found: Tensors = load_file(next((folder / name).glob("*.safetensors")))
        return found

    tensors: dict[str, Any] = {f"model.diffusion_model.{_unet_key(key)}": value for key, value in part("unet").items()}
    tensors |= dict(_vae(part("vae")))
    if (folder / "text_encoder_2").is_dir():
        first = (folder / "text_encoder").is_dir()
        if first:
            tensors |= dict(_clip(part("text_encoder"), "conditioner.embedders.0.transformer."))
        tensors |= dict(_open_clip(part("text_encoder_2"), f"conditioner.embedders.{int(first)}.model."))
    else:
        tensors |= dict(_clip(part("text_encoder"), "cond_stage_model.transformer."))
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, file)
    return file


def export_vae(folder: Path, file: Path) -> Path:
    """Write the VAE of the tiny model in `folder` as one file with CompVis' names and return the file."""
    from safetensors.torch import load_file, save_file

    tensors = _vae(load_file(next((folder / "vae").glob("*.safetensors"))))
    save_file({key.removeprefix("first_stage_model."): value.contiguous() for key, value in tensors}, file)
    return file


_FLUX_NAMES = {
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "context_embedder": "txt_in", "x_embedder": "img_in", "proj_out": "final_layer.linear",
    "transformer_blocks.0.norm1.linear": "double_blocks.0.img_mod.lin",
    "transformer_blocks.0.norm1_context.linear": "double_blocks.0.txt_mod.lin",
    "transformer_blocks.0.ff.net.0.proj": "double_blocks.0.img_mlp.0",
    "transformer_blocks.0.ff.net.2": "double_blocks.0.img_mlp.2",
    "transformer_blocks.0.ff_context.net.0.proj": "double_blocks.0.txt_mlp.0",
    "transformer_blocks.0.ff_context.net.2": "double_blocks.0.txt_mlp.2",
    "transformer_blocks.0.attn.to_out.0": "double_blocks.0.img_attn.proj",
    "transformer_blocks.0.attn.to_add_out": "double_blocks.0.txt_attn.proj",
    "single_transformer_blocks.0.proj_out": "single_blocks.0.linear2",
    "single_transformer_blocks.0.norm.linear": "single_blocks.0.modulation.lin",
}  # fmt: skip
_FLUX_SCALES = {
    "transformer_blocks.0.attn.norm_q": "double_blocks.0.img_attn.norm.query_norm",
    "transformer_blocks.0.attn.norm_k": "double_blocks.0.img_attn.norm.key_norm",
    "transformer_blocks.0.attn.norm_added_q": "double_blocks.0.txt_attn.norm.query_norm",
    "transformer_blocks.0.attn.norm_added_k": "double_blocks.0.txt_attn.norm.key_norm",
    "single_transformer_blocks.0.attn.norm_q": "single_blocks.0.norm.query_norm",
    "single_transformer_blocks.0.attn.norm_k": "single_blocks.0.norm.key_norm",
}
_FLUX_JOINED = {
    "double_blocks.0.img_attn.qkv": [f"transformer_blocks.0.attn.to_{name}" for name in "qkv"],
    "double_blocks.0.txt_attn.qkv": [f"transformer_blocks.0.attn.add_{name}_proj" for name in "qkv"],
    "single_blocks.0.linear1": [
        *(f"single_transformer_blocks.0.attn.to_{name}" for name in "qkv"), "single_transformer_blocks.0.proj_mlp",
    ],
}  # fmt: skip


def export_flux(folder: Path, file: Path) -> Path:
    """Write the transformer of a FLUX with one block of each kind in its original layout and return the file."""
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(next((folder / "transformer").glob("*.safetensors")))
    renamed = {f"{target}.scale": tensors[f"{source}.weight"] for source, target in _FLUX_SCALES.items()}
    for kind in ("weight", "bias"):
        moved = {f"{target}.{kind}": tensors.get(f"{source}.{kind}") for source, target in _FLUX_NAMES.items()}
        renamed |= {name: value for name, value in moved.items() if value is not None}
        renamed |= {
            f"{target}.{kind}": torch.cat([tensors[f"{source}.{kind}"] for source in parts])
            for target, parts in _FLUX_JOINED.items()
        }
        scale, shift = tensors[f"norm_out.linear.{kind}"].chunk(2)
        renamed[f"final_layer.adaLN_modulation.1.{kind}"] = torch.cat([shift, scale])
    save_file({key: value.contiguous() for key, value in renamed.items()}, file)
    return file
