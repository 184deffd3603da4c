"""The family table: what each kind of model can do. One row for each family."""
