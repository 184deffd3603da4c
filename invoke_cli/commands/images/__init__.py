"""Commands on images: their metadata, replay, comparison, masks and postprocessing."""
