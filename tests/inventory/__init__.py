"""Tests of what an image's inventory says, with the image's own programs as the judge."""
