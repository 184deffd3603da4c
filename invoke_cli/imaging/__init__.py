"""Pictures as Pillow images: opening, fitting, assembling. Pure functions; never torch."""
