"""The family table: the capabilities of each kind of model, one row per family."""
