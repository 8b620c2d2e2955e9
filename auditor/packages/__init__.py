"""Package databases inside an image: what is installed, and which package owns a path."""
