"""From what a line names to what a run needs: images, masks, control images, adapters, models on a hub."""
