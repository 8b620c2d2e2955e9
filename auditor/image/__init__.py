"""Container images: where their bytes come from, their layers, and the one tree that the layers make."""

from auditor.image.limits import Limits
from auditor.image.load import load
from auditor.image.model import Config, Image, Layer, Platform
from auditor.image.platforms import parse_platform
from auditor.image.reference import Reference, Scheme, parse

__all__ = ["Config", "Image", "Layer", "Limits", "Platform", "Reference", "Scheme", "load", "parse", "parse_platform"]
