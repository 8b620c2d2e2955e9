"""The report of one image, or of an index of images: its JSON, and the views that formats write."""
