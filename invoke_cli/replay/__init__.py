"""Reproduce a recorded image, verify it, or resume from its saved latents."""
