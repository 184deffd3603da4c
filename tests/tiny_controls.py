"""Tiny random control models of the real classes, for the tiny models."""

from __future__ import annotations

from pathlib import Path


def build_controlnet(folder: Path, model: Path, seed: int) -> Path:
    """Write a ControlNet for the UNet of a model into `folder` and return the folder; none of its layers is idle."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet", local_files_only=True)
    if unet.config.in_channels != 4:
        unet = UNet2DConditionModel.from_config({**unet.config, "in_channels": 4})
    network = ControlNetModel.from_unet(unet)
    for weights in network.parameters():
        if not weights.any():
            torch.nn.init.normal_(weights, std=0.3)
    network.save_pretrained(folder)
    return folder


def build_ip_adapter(folder: Path, model: Path) -> Path:
    """Write an IP-Adapter for the UNet of a model, and its image encoder beside it; returns the adapter's file."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(4)
    unet = UNet2DConditionModel.from_pretrained(model / "unet", local_files_only=True)
    width = unet.config.cross_attention_dim
    tensors = {
        "image_proj.proj.weight": torch.randn(4 * width, 16),
        "image_proj.proj.bias": torch.randn(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    reading = [part for name, part in unet.named_modules() if name.endswith("attn2")]
    places = [place for place, name in enumerate(unet.attn_processors) if name.endswith("attn2.processor")]
    for place, layer in zip(places, reading, strict=True):
        for letter in "kv":
            shape = getattr(layer, f"to_{letter}").weight.shape
            tensors[f"ip_adapter.{place}.to_{letter}_ip.weight"] = torch.randn(shape)
    small = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPVisionConfig(**small, image_size=32, patch_size=16, projection_dim=16)
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    save_file(tensors, folder / "ip-adapter.safetensors")
    return folder / "ip-adapter.safetensors"


def build_t2i_adapter(folder: Path, seed: int, *, channels: tuple[int, ...] = (16, 32), sees: int = 3) -> Path:
    """Write a T2I-Adapter for UNets of these channels into `folder`; returns the folder."""
    import torch
    from diffusers import T2IAdapter

    torch.manual_seed(seed)
    adapter = T2IAdapter(in_channels=sees, channels=list(channels), num_res_blocks=1, downscale_factor=8)
    adapter.save_pretrained(folder)
    return folder


def build_union(folder: Path, model: Path, seed: int) -> Path:
    """Write a ControlNet Union for the UNet of a model into `folder` and return the folder."""
    import inspect

    import torch
    from diffusers import ControlNetUnionModel, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.load_config(model / "unet")
    taken = inspect.signature(ControlNetUnionModel.__init__).parameters
    config = {name: value for name, value in unet.items() if name in taken}
    channels = config["block_out_channels"][0]
    sizes = {
        "num_trans_channel": channels,
        "num_proj_channel": channels,
        "conditioning_embedding_out_channels": (8, 8, 16, 16),
    }
    network = ControlNetUnionModel(**config, **sizes)
    for weights in network.parameters():
        if not weights.any():
            torch.nn.init.normal_(weights, std=0.3)
    network.save_pretrained(folder)
    return folder


def build_control_lora(file: Path, model: Path, seed: int) -> Path:
    """Write a Control-LoRA of rank two for the UNet of a model, with the names of the published ones; returns it."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet", local_files_only=True)
    state = ControlNetModel.from_unet(unet).state_dict()
    tensors = {"lora_controlnet": torch.zeros(1)}
    for name, weight in state.items():
        published = _published_name(name, unet.config.layers_per_block)
        whole = name.startswith("controlnet_") or weight.ndim == 1
        if whole:
            tensors[published] = torch.randn_like(weight) * 0.3 if name.startswith("controlnet_") else weight
            continue
        stem = published.removesuffix(".weight")
        tensors[f"{stem}.up"] = torch.randn(weight.shape[0], 2, *[1] * (weight.ndim - 2)) * 0.1
        tensors[f"{stem}.down"] = torch.randn(2, *weight.shape[1:]) * 0.1
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
    return file


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_NAMES = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.conv_out": "input_hint_block.14",
}


def _published_name(name: str, layers: int) -> str:
    """Return the name that the original implementation gives to a tensor of a ControlNet."""
    stem, _, kind = name.rpartition(".")
    if stem in _NAMES:
        return f"{_NAMES[stem]}.{kind}"
    parts = name.split(".")
    if name.startswith("controlnet_down_blocks."):
        return f"zero_convs.{parts[1]}.0.{kind}"
    if name.startswith("controlnet_cond_embedding.blocks."):
        return f"input_hint_block.{2 * int(parts[2]) + 2}.{kind}"
    if name.startswith("mid_block."):
        place = 2 * int(parts[2]) if parts[1] == "resnets" else 1
        return ".".join(["middle_block", str(place), *_inner(parts[3:])])
    block = 1 + int(parts[1]) * (layers + 1)
    if parts[2] == "downsamplers":
        return f"input_blocks.{block + layers}.0.op.{kind}"
    inside = "0" if parts[2] == "resnets" else "1"
    return ".".join(["input_blocks", str(block + int(parts[3])), inside, *_inner(parts[4:])])


def _inner(parts: list[str]) -> list[str]:
    return [_RESNET.get(parts[0], parts[0]), *parts[1:]]
