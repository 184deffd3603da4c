"""Commands on the history: browse, tag, export, show lineage."""
