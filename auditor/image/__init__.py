"""Container images: where their bytes come from, their layers, and the one tree that the layers make."""
