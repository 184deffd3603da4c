"""The sampler table: the sampler names of InvokeAI 2.x, InvokeAI 6 and A1111, and their diffusers schedulers.

Pure data: the engine resolves class names. A sampler is a row; a Karras, exponential, beta or trailing schedule is a
suffix that the rows with a `karras` name accept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from invoke_cli.errors import PlanError
from invoke_cli.language.grammar.names import near_names
from invoke_cli.plugins import PluginKind, plugins


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampler:
    """A row of the sampler table.

    Attributes:
        scheduler: The diffusers class; of a plug-in also `package.module:Class`.
        label: The name in A1111.
        aliases: Other names.
        options: Arguments of the scheduler.
        karras: The name of the variant with Karras sigmas; empty if there is none.
        karras_aliases: Other names of that variant.
        calls: The model calls per step (the last step of a two-call sampler makes one).
        sigma_space: Whether latents scale with sigma (k-diffusion's convention) instead of having unit variance.
        seeded: Whether it draws noise at each step from a generator of its own, made from the seed.
        with_init: The sampler that replaces it for init images.
        max_steps: The longest schedule that it supports.
        min_steps: The shortest schedule that it supports.
        flow: The class that replaces it for flow matching models; empty if there is none.
        flow_options: Additional arguments of that class.
    """

    name: str
    scheduler: str
    label: str
    aliases: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    karras: str = ""
    karras_aliases: tuple[str, ...] = ()
    calls: int = 1
    sigma_space: bool = False
    seeded: bool = False
    with_init: str = ""
    max_steps: int = 1000
    min_steps: int = 1
    flow: str = ""
    flow_options: Mapping[str, object] = field(default_factory=dict)


_FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
_KARRAS = {"use_karras_sigmas": True}
_SCHEDULES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "karras": ("Karras", _KARRAS),
    "exponential": ("exponential", {"timestep_spacing": "linspace", "use_exponential_sigmas": True}),
    "beta": ("beta", {"timestep_spacing": "linspace", "use_beta_sigmas": True}),
    "trailing": ("trailing", {"timestep_spacing": "trailing"}),
}
_SCHEDULE_WORDS = {"sgm_uniform": "trailing", "simple": "trailing", "k": "karras", "exp": "exponential"}

SAMPLERS: tuple[Sampler, ...] = (
    Sampler(name="ddim", scheduler="DDIMScheduler", label="DDIM"),
    Sampler(name="ddpm", scheduler="DDPMScheduler", label="DDPM"),
    Sampler(name="plms", scheduler="PNDMScheduler", label="PLMS", aliases=("pndm",), with_init="ddim", min_steps=2),
    Sampler(
        name="k_lms", scheduler="LMSDiscreteScheduler", label="LMS", aliases=("lms",), karras="lms_k", sigma_space=True
    ),
    Sampler(
        name="k_euler", scheduler="EulerDiscreteScheduler", label="Euler", aliases=("euler",), karras="euler_k",
        sigma_space=True, flow="FlowMatchEulerDiscreteScheduler",
    ),
    Sampler(
        name="k_euler_a", scheduler="EulerAncestralDiscreteScheduler", label="Euler a",
        aliases=("euler_a", "euler_ancestral"), sigma_space=True,
    ),
    Sampler(
        name="k_heun", scheduler="HeunDiscreteScheduler", label="Heun", aliases=("heun",), karras="heun_k", calls=2,
        sigma_space=True, flow="FlowMatchHeunDiscreteScheduler",
    ),
    Sampler(
        name="k_dpm_2", scheduler="KDPM2DiscreteScheduler", label="DPM2", aliases=("kdpm_2", "dpm2", "dpm_2"),
        karras="kdpm_2_k", karras_aliases=("dpm2_karras",), calls=2, sigma_space=True,
    ),
    Sampler(
        name="k_dpm_2_a", scheduler="KDPM2AncestralDiscreteScheduler", label="DPM2 a",
        aliases=("kdpm_2_a", "dpm2_a", "dpm_2_ancestral"), karras="kdpm_2_a_k", karras_aliases=("dpm2_a_karras",),
        calls=2, sigma_space=True,
    ),
    Sampler(
        name="k_dpmpp_2", scheduler="DPMSolverMultistepScheduler", label="DPM++ 2M", options={"solver_order": 2},
        aliases=("dpmpp_2", "dpmpp_2m"), karras="dpmpp_2m_k", flow="DPMSolverMultistepScheduler", flow_options=_FLOW,
    ),
    Sampler(
        name="dpmpp_2m_sde", scheduler="DPMSolverMultistepScheduler", label="DPM++ 2M SDE",
        options={"solver_order": 2, "algorithm_type": "sde-dpmsolver++"}, karras="dpmpp_2m_sde_k",
    ),
    Sampler(
        name="dpmpp_2m_sde_heun", scheduler="DPMSolverMultistepScheduler", label="DPM++ 2M SDE Heun",
        options={"solver_order": 2, "algorithm_type": "sde-dpmsolver++", "solver_type": "heun"},
        karras="dpmpp_2m_sde_heun_k",
    ),
    Sampler(
        name="dpmpp_3m", scheduler="DPMSolverMultistepScheduler", label="DPM++ 3M SDE", options={"solver_order": 3},
        aliases=("dpmpp_3m_sde",), karras="dpmpp_3m_k", karras_aliases=("dpmpp_3m_sde_k",),
    ),
    Sampler(
        name="k_dpmpp_2_a", scheduler="DPMSolverSinglestepScheduler", label="DPM++ 2S a", options={"solver_order": 2},
        aliases=("dpmpp_2s", "dpmpp_2s_a", "dpmpp_2s_ancestral"), karras="dpmpp_2s_k",
        karras_aliases=("dpmpp_2s_a_k",),
    ),
    Sampler(
        name="dpmpp_sde", scheduler="DPMSolverSDEScheduler", label="DPM++ SDE", karras="dpmpp_sde_k", calls=2,
        sigma_space=True, seeded=True,
    ),
    Sampler(
        name="unipc", scheduler="UniPCMultistepScheduler", label="UniPC", aliases=("uni_pc",), karras="unipc_k",
        flow="UniPCMultistepScheduler", flow_options=_FLOW,
    ),
    Sampler(name="deis", scheduler="DEISMultistepScheduler", label="DEIS", karras="deis_k"),
    Sampler(
        name="lcm", scheduler="LCMScheduler", label="LCM", max_steps=50,
        flow="FlowMatchLCMScheduler",
    ),
    Sampler(name="tcd", scheduler="TCDScheduler", label="TCD", max_steps=50),
)  # fmt: skip

# A1111 samplers without a diffusers scheduler, and the closest sampler that has one.
WITHOUT_SCHEDULER = {"dpm_fast": "k_dpmpp_2", "dpm_adaptive": "k_dpmpp_2", "restart": "k_heun", "ddim_cfgpp": "ddim"}


def find_sampler(name: str) -> Sampler:
    """Find a sampler by any of its names. Raises PlanError, with the closest names, if there is none."""
    key = normalise_sampler_name(name)
    found = _find(key, _names()) or _find(key, _plugin_names())
    if found is not None:
        return found
    if key in WITHOUT_SCHEDULER:
        near = WITHOUT_SCHEDULER[key]
        raise PlanError(f"{name} is not available in diffusers", hint=f"the closest is -A {near}", field="scheduler")
    close = near_names(key, [*_names(), *_plugin_names()])
    hint = f"did you mean {', '.join(close)}? " if close else ""
    raise PlanError(f"no such sampler: {name[:40]}", hint=hint + "!help samplers lists them", field="scheduler")


def for_flow(sampler: Sampler) -> Sampler | None:
    """Return the variant of a sampler for flow matching models; None if there is none."""
    if not sampler.flow:
        return None
    return replace(
        sampler, scheduler=sampler.flow, options={**sampler.options, **sampler.flow_options}, sigma_space=False
    )


def is_sampler(name: str) -> bool:
    """Return whether this is the name of a sampler."""
    try:
        find_sampler(name)
    except PlanError:
        return False
    return True


def normalise_sampler_name(name: str) -> str:
    """Normalise the name of a sampler: `DPM++ 2M SDE Karras` becomes `dpmpp_2m_sde_k`."""
    key = re.sub(r"[\s/+-]+", "_", name.strip().lower().replace("dpm++", "dpmpp").replace("cfg++", "cfgpp"))
    return re.sub(r"_karras$", "_k", key)


def all_samplers() -> tuple[Sampler, ...]:
    """Return the built-in rows and those of plug-ins, which are imported."""
    return (*SAMPLERS, *plugins().rows(PluginKind.SAMPLER, Sampler))


def sampler_names() -> tuple[str, ...]:
    """Return the names for completion, in table order: each row and its Karras variant, then those of plug-ins."""
    built_in = tuple(name for row in SAMPLERS for name in (row.name, row.karras) if name)
    return (*built_in, *plugins().names(PluginKind.SAMPLER))


@cache
def _names() -> dict[str, Sampler]:
    return _names_of(SAMPLERS)


def _plugin_names() -> dict[str, Sampler]:
    return _names_of(all_samplers()[len(SAMPLERS) :])


def _names_of(rows: Sequence[Sampler]) -> dict[str, Sampler]:
    names: dict[str, Sampler] = {}
    for row in rows:
        for name in (row.name, normalise_sampler_name(row.label), *row.aliases):
            names[name] = row
        if row.karras:
            variant = _with_schedule(row, "karras", row.karras)
            spellings = (
                row.karras,
                normalise_sampler_name(f"{row.label} Karras"),
                f"{row.name}_k",
                *map(normalise_sampler_name, row.karras_aliases),
            )
            names.update(dict.fromkeys(spellings, variant))
    return names


def _find(key: str, names: Mapping[str, Sampler]) -> Sampler | None:
    """Find a row by its name, or by its name and a schedule suffix: `k_euler_exponential`, `dpmpp_2m_beta`."""
    if key in names:
        return names[key]
    for word in (*_SCHEDULES, *_SCHEDULE_WORDS):
        row = names.get(key.removesuffix(f"_{word}")) if key.endswith(f"_{word}") else None
        if row is not None and row.karras:
            schedule = _SCHEDULE_WORDS.get(word, word)
            return _with_schedule(row, schedule, f"{row.name}_{schedule}")
    return None


def _with_schedule(row: Sampler, schedule: str, name: str) -> Sampler:
    label, options = _SCHEDULES[schedule]
    values = {slot: getattr(row, slot) for slot in Sampler.__slots__}
    values |= {"name": name, "label": f"{row.label} {label}", "options": {**row.options, **options}, "karras": ""}
    values["flow"] = ""
    return Sampler(**values)
