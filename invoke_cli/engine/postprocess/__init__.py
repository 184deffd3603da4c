"""Work after the picture that runs on the device: networks in single files, and diffusion upscalers."""
