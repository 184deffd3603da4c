"""Map other programs' names of samplers and schedules to ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from invoke_cli.models.samplers import find_sampler, is_sampler

# Other programs' schedule names, and the suffix of our sampler names; empty for the sampler's plain schedule.
SCHEDULES: Mapping[str, str] = {
    "": "", "normal": "", "discrete": "", "default": "", "native": "", "uniform": "", "ddim_uniform": "", "none": "",
    "karras": "karras", "exponential": "exponential", "polyexponential": "exponential", "beta": "beta",
    "simple": "simple", "sgm_uniform": "sgm_uniform", "trailing": "trailing",
}  # fmt: skip

# The schedule that A1111's "Automatic" selects for each sampler.
AUTOMATIC: Mapping[str, str] = {
    "dpm2": "karras", "dpm2_a": "karras", "dpmpp_2m": "karras", "dpmpp_sde": "karras", "dpmpp_2s_a": "karras",
    "dpmpp_2m_sde": "exponential", "dpmpp_2m_sde_heun": "exponential", "dpmpp_3m_sde": "exponential",
}  # fmt: skip

_ALIASES: Mapping[str, str] = {
    "euler_ancestral": "k_euler_a", "k_euler_ancestral": "k_euler_a", "k_dpm_2_ancestral": "k_dpm_2_a",
    "k_dpmpp_2s_ancestral": "dpmpp_2s", "dpmpp_2s_a": "dpmpp_2s", "dpmpp": "dpmpp_2m", "unipc_snr": "unipc",
    "uni_pc_bh2": "unipc", "k_dpmpp_2m": "dpmpp_2m", "dpmpp_2mv2": "dpmpp_2m", "heunpp2": "k_heun",
    "k_dpmpp_sde": "dpmpp_sde", "k_dpmpp_2m_sde": "dpmpp_2m_sde", "linear": "k_euler", "ddim_cfg++": "ddim",
}  # fmt: skip


def _lookups(key: str, suffix: str) -> Iterator[tuple[str, bool]]:
    """Yield the names to look up in order, each with whether it lacks the schedule."""
    for spelling in _spellings(key):
        if suffix:
            yield f"{spelling}_{suffix}", False
        yield spelling, bool(suffix) and not spelling.endswith(suffix)


def find_our_sampler(name: str, schedule: str = "") -> tuple[str, str]:
    """Find our sampler for another program's sampler and schedule.

    Returns:
        Our name, empty if there is none, and the part of the input that was lost.
    """
    key = _normalised(name)
    suffix = _normalised(schedule)
    if suffix == "automatic":
        suffix = AUTOMATIC.get(key, "")
    suffix = SCHEDULES.get(suffix, suffix)
    for full, loses_schedule in _lookups(key, suffix):
        if is_sampler(full):
            return find_sampler(full).name, schedule[:60] if loses_schedule else ""
    base, _, last = key.rpartition("_")
    if base and not suffix and SCHEDULES.get(last):
        return find_our_sampler(base, last)
    return "", " ".join(part for part in (name, schedule) if part)[:80]


def _spellings(key: str) -> Iterator[str]:
    yield key
    if key in _ALIASES:
        yield _ALIASES[key]
    for trimmed in (re.sub(r"_(gpu|v\d|cfg_pp|simple|discrete)$", "", key), re.sub(r"^(k|sample)_", "", key)):
        if trimmed != key:
            yield _ALIASES.get(trimmed, trimmed)


def _normalised(name: str) -> str:
    lower = name.strip().lower()[:80]
    return re.sub(r"[\s/+\-.]+", "_", lower.replace("dpm++", "dpmpp_").replace("__", "_")).replace("dpmpp__", "dpmpp_")
