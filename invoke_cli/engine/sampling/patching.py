"""Patch stock pipelines, schedulers and networks for the time of one run. Every patch undoes itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, update_wrapper
from typing import Any


@contextmanager
def patched(owner: Any, **replacements: Callable[..., Any]) -> Iterator[None]:
    """Replace attributes of `owner` within the context; a replacement may call the original."""
    with ExitStack() as stack:
        for name, replacement in replacements.items():
            stack.callback(_restore, owner, name, name in vars(owner), getattr(owner, name))
            setattr(owner, name, replacement)
        yield


def _restore(owner: Any, name: str, had_own: bool, before: Any) -> None:
    if had_own:
        setattr(owner, name, before)
    else:
        delattr(owner, name)


@contextmanager
def forward_pre_hook(module: Any, hook: Callable[..., Any], *, with_kwargs: bool = False) -> Iterator[None]:
    """Call `hook` before each call of a network within the context."""
    handle = module.register_forward_pre_hook(hook, with_kwargs=with_kwargs)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def forward_hook(module: Any, hook: Callable[..., Any]) -> Iterator[None]:
    """Call `hook` after each call of a network within the context."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def with_signature_of(original: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    """Give a replacement the signature of what it replaces.

    Pipelines inspect the signature of a scheduler's `step` for optional arguments, such as the generator of the noise
    that a step adds.
    """
    return update_wrapper(partial(replacement), original)
