"""The sampler table: every name that InvokeAI 2.x, InvokeAI 6 and A1111 use, and the diffusers scheduler behind it.

Pure data: class names are text, resolved by the engine. A sampler is a row; a Karras, exponential, beta or trailing
schedule is a suffix that the rows with `schedules` accept.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from invoke_cli.errors import PlanError


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampler:
    """One row. `calls` is the number of model calls a step takes (the last step of a two-call sampler takes one).

    `karras` names the variant with Karras sigmas, empty where there is none. `sigma_space`: its latents grow with
    sigma (k-diffusion's convention) instead of keeping unit variance. `stochastic`: it draws noise at every step.
    `seeded`: that noise comes from a generator of its own, made from the seed. `with_init` is the sampler that does its
    work when there is an init image. `max_steps` is the longest schedule it can make. `flow` is the class that does its
    work for models of flow matching, with `flow_options`; empty where there is none.
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
    stochastic: bool = False
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
    Sampler(name="ddpm", scheduler="DDPMScheduler", label="DDPM", stochastic=True),
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
        aliases=("euler_a", "euler_ancestral"), sigma_space=True, stochastic=True,
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
        calls=2, sigma_space=True, stochastic=True,
    ),
    Sampler(
        name="k_dpmpp_2", scheduler="DPMSolverMultistepScheduler", label="DPM++ 2M", options={"solver_order": 2},
        aliases=("dpmpp_2", "dpmpp_2m"), karras="dpmpp_2m_k", flow="DPMSolverMultistepScheduler", flow_options=_FLOW,
    ),
    Sampler(
        name="dpmpp_2m_sde", scheduler="DPMSolverMultistepScheduler", label="DPM++ 2M SDE", stochastic=True,
        options={"solver_order": 2, "algorithm_type": "sde-dpmsolver++"}, karras="dpmpp_2m_sde_k",
    ),
    Sampler(
        name="dpmpp_2m_sde_heun", scheduler="DPMSolverMultistepScheduler", label="DPM++ 2M SDE Heun", stochastic=True,
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
        sigma_space=True, stochastic=True, seeded=True,
    ),
    Sampler(
        name="unipc", scheduler="UniPCMultistepScheduler", label="UniPC", aliases=("uni_pc",), karras="unipc_k",
        flow="UniPCMultistepScheduler", flow_options=_FLOW,
    ),
    Sampler(name="deis", scheduler="DEISMultistepScheduler", label="DEIS", karras="deis_k"),
    Sampler(
        name="lcm", scheduler="LCMScheduler", label="LCM", stochastic=True, max_steps=50,
        flow="FlowMatchLCMScheduler",
    ),
    Sampler(name="tcd", scheduler="TCDScheduler", label="TCD", stochastic=True, max_steps=50),
)  # fmt: skip

# Names of A1111 that no diffusers scheduler stands behind, with the nearest that one does.
WITHOUT_SCHEDULER = {"dpm_fast": "k_dpmpp_2", "dpm_adaptive": "k_dpmpp_2", "restart": "k_heun", "ddim_cfgpp": "ddim"}


def find_sampler(name: str) -> Sampler:
    """The sampler of this name in any program's spelling; PlanError with the nearest names when there is none."""
    key = normal(name)
    found = _names().get(key) or _scheduled(key)
    if found is not None:
        return found
    if key in WITHOUT_SCHEDULER:
        near = WITHOUT_SCHEDULER[key]
        raise PlanError(f"{name} has no counterpart in diffusers", hint=f"the nearest is -A {near}", field="scheduler")
    close = difflib.get_close_matches(key, _names(), n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}? " if close else ""
    raise PlanError(f"there is no sampler {name[:40]!r}", hint=hint + "!help samplers lists them", field="scheduler")


def for_flow(sampler: Sampler) -> Sampler | None:
    """The same sampler as models of flow matching take it; None when there is none."""
    if not sampler.flow:
        return None
    return replace(
        sampler, scheduler=sampler.flow, options={**sampler.options, **sampler.flow_options}, sigma_space=False
    )


def is_sampler(name: str) -> bool:
    """Whether any program has a sampler of this name."""
    try:
        find_sampler(name)
    except PlanError:
        return False
    return True


def normal(name: str) -> str:
    """A sampler's name as the table's keys are written: `DPM++ 2M SDE Karras` is `dpmpp_2m_sde_k`."""
    key = re.sub(r"[\s/+-]+", "_", name.strip().lower().replace("dpm++", "dpmpp").replace("cfg++", "cfgpp"))
    return re.sub(r"_karras$", "_k", key)


def sampler_names() -> tuple[str, ...]:
    """The names to offer, in table order: each row and its Karras variant."""
    return tuple(name for row in SAMPLERS for name in (row.name, row.karras) if name)


@cache
def _names() -> dict[str, Sampler]:
    names: dict[str, Sampler] = {}
    for row in SAMPLERS:
        for name in (row.name, normal(row.label), *row.aliases):
            names[name] = row
        if row.karras:
            variant = _with_schedule(row, "karras", row.karras)
            spellings = (row.karras, normal(f"{row.label} Karras"), f"{row.name}_k", *map(normal, row.karras_aliases))
            names.update(dict.fromkeys(spellings, variant))
    return names


def _scheduled(key: str) -> Sampler | None:
    """A row with a schedule word behind it: `k_euler_exponential`, `dpmpp_2m_beta`."""
    for word in (*_SCHEDULES, *_SCHEDULE_WORDS):
        row = _names().get(key.removesuffix(f"_{word}")) if key.endswith(f"_{word}") else None
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
