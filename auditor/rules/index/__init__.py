"""Rules about an index of images. Each module is one line here."""

from auditor.rules.index import platforms as platforms
