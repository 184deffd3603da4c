"""From a line to images: prepare, execute, postprocess, save."""
