"""The pictures that the bundled model learns from: which packages hold them, which things they show, their pixels."""
