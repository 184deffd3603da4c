"""Commands on the history: browse, tag, export, lineage."""
