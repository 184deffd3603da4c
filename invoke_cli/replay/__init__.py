"""Generate a recorded image again, verify it, or resume from its saved latents."""
