"""Find and open the inputs that a line names: images, masks, control images, adapters, models to download."""
