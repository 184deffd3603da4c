"""Images composed of other images: grids, contact sheets, comparisons, charts."""
