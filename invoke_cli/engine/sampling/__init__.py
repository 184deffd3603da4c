"""From noise to latents to pixels: schedulers, initial latents, the denoising loop, previews, the VAE."""
