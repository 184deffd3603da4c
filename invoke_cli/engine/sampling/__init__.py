"""Sampling: schedulers, initial latents, the denoising loop, previews, and the VAE."""
