"""Load the networks of a model one by one from its folder, so that each can be checked for completeness."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import PreTrainedModel

from invoke_cli.documents import parse_json
from invoke_cli.engine.loading.weights import (
    WeightsOwner,
    WeightsReport,
    compare,
    component_label,
    report_of,
    source_name,
)
from invoke_cli.input_files import MODEL_CONFIG, read_input_text
from invoke_cli.models.files.folder import variant_of
from invoke_cli.models.files.weights_header import read_header, shape_of

Loaded = tuple[Any, list[WeightsReport]]  # a pipeline and the reports on its networks

_SHAPE_ERROR = "expected shape"  # in diffusers' message


def load_pipeline(
    cls: Any, folder: Path, parts: Mapping[str, Sequence[Path]], owner: WeightsOwner, arguments: Mapping[str, Any]
) -> Loaded:
    """Load a pipeline from a folder in the diffusers layout.

    Args:
        cls: The class of the pipeline.
        folder: The folder.
        parts: The weight files of its networks.
        owner: What it is loaded for.
        arguments: The arguments of `from_pretrained`: the dtype, and components that are not read from the folder.

    Returns:
        The pipeline and the reports on its networks.

    Raises:
        ModelError: Tensors are missing or have another shape.
    """
    networks: dict[str, Any] = {}
    reports: list[WeightsReport] = []
    for part, network_class in network_classes(folder).items():
        if part in parts and part not in arguments:
            loaded = load_network(network_class, folder / part, parts[part], owner, dtype=arguments["torch_dtype"])
            networks[part] = loaded[0]
            reports.append(loaded[1])
    pipeline = cls.from_pretrained(folder, local_files_only=True, use_safetensors=True, **networks, **arguments)
    return pipeline, reports


def load_network(
    cls: Any, folder: Path, files: Sequence[Path], owner: WeightsOwner, *, dtype: torch.dtype, **options: Any
) -> tuple[Any, WeightsReport]:
    """Load a network of diffusers or transformers from a folder in the layout of its library.

    Args:
        cls: The class of the network.
        folder: The folder with its config.
        files: Its weight files.
        owner: What it is loaded for.
        dtype: The dtype of its weights.
        options: More arguments of `from_pretrained`, such as a quantisation.

    Returns:
        The network and the report on its tensors.

    Raises:
        ModelError: Tensors are missing or have another shape.
    """
    component, source = component_label(folder.name), source_name(files)
    is_transformers = issubclass(cls, PreTrainedModel)
    arguments: dict[str, Any] = {
        "local_files_only": True,
        "use_safetensors": True,
        "variant": variant_of(files[0]),
        "output_loading_info": True,
        **options,
    }
    arguments |= {"dtype": dtype, "ignore_mismatched_sizes": True} if is_transformers else {"torch_dtype": dtype}
    try:
        network, info = cls.from_pretrained(folder, **arguments)
    except ValueError as error:
        if _SHAPE_ERROR in str(error):
            _shapes_report(cls, folder, files).check(owner)
        raise
    report = report_of(network, info, component, source)
    report.check(owner)
    return network, report


def _shapes_report(cls: Any, folder: Path, files: Sequence[Path]) -> WeightsReport:
    """Compare the shapes in the headers of files with those of the network that the folder's config describes."""
    with torch.device("meta"):
        network = cls.from_config(cls.load_config(folder))
    found: dict[str, tuple[int, ...]] = {}
    for path in files:
        header = read_header(path) or {}
        found |= {name: shape_of(header, name) for name in header}
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    return compare(component_label(folder.name), source_name(files), expected, found)


def network_classes(folder: Path) -> Mapping[str, Any]:
    """Return the class of each network in a model's folder, by component; other components are left out."""
    index = parse_json(read_input_text(folder / "model_index.json", MODEL_CONFIG))
    pairs = {part: entry for part, entry in index.items() if isinstance(entry, list) and len(entry) == 2 and entry[0]}
    classes = {part: _class_of(str(library), str(name)) for part, (library, name) in pairs.items()}
    return {part: cls for part, cls in classes.items() if isinstance(cls, type) and issubclass(cls, torch.nn.Module)}


def _class_of(library: str, name: str) -> Any:
    """Return a class of diffusers, of transformers or of a package of diffusers' pipelines; None if unknown."""
    if library in ("diffusers", "transformers"):
        return getattr(importlib.import_module(library), name, None)
    return getattr(getattr(diffusers.pipelines, library, None), name, None)
