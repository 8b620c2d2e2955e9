"""The diff of two images."""
