"""Container images: where their bytes come from, their layers, and the one tree that the layers make."""

from auditor.budget import Limits
from auditor.image.load import load, load_index, open_image
from auditor.image.model import Config, Image, Layer, Platform
from auditor.image.opened import Index, Opened
from auditor.image.platforms import parse_platform
from auditor.image.reference import Reference, parse
from auditor.image.scheme import Scheme
from auditor.image.shared import SharedLayers
from auditor.image.source.interface import Access

__all__ = [
    "Access",
    "Config",
    "Image",
    "Index",
    "Layer",
    "Limits",
    "Opened",
    "Platform",
    "Reference",
    "Scheme",
    "SharedLayers",
    "load",
    "load_index",
    "open_image",
    "parse",
    "parse_platform",
]
