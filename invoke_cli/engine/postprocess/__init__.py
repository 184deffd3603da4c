"""Postprocessing on the device: networks in single files, diffusion upscalers, and CLIPSeg."""
