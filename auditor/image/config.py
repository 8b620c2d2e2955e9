"""The image config: what a runtime would do with the image, and how it came to be (OCI image-spec, config.md)."""

from msgspec import Struct

from auditor.budget import Limits
from auditor.errors import LimitExceeded
from auditor.image.document import DIGEST, Document, parse_object
from auditor.image.model import Config, Platform


class ParsedConfig(Struct, frozen=True):
    """The config, and for each layer from the lowest its diff id and the command that made it ("" where unknown)."""

    config: Config
    diff_ids: tuple[str, ...]
    created_by: tuple[str, ...]


def parse_config(data: bytes, where: str, layers: int, limits: Limits) -> ParsedConfig:
    """Read a config whose image has `layers` layers; CorruptImage where it isn't one or doesn't fit them."""
    document = parse_object(data, where, limits.json)
    if layers > limits.layers:
        raise LimitExceeded(f"an image of {layers} layers, over {limits.layers}", where, "no runtime stacks so many")
    rootfs = document.object("rootfs")
    diff_ids = () if rootfs is None else rootfs.texts("diff_ids")
    if rootfs is None and layers:
        raise document.fail("'rootfs' is missing")
    if len(diff_ids) != layers:
        raise document.fail(f"names {len(diff_ids)} layers, the image has {layers}")
    for diff_id in diff_ids:
        if DIGEST.fullmatch(diff_id) is None:
            raise document.fail(f"a diff id is not a digest: {diff_id[:80]!r}")
    settings = document.object("config") or Document({}, where)
    config = Config(
        platform=Platform(document.text("os"), document.text("architecture"), document.text("variant")),
        env=settings.texts("Env"),
        entrypoint=settings.texts("Entrypoint"),
        cmd=settings.texts("Cmd"),
        user=settings.text("User"),
        working_dir=settings.text("WorkingDir"),
        labels=settings.pairs("Labels"),
        ports=settings.names("ExposedPorts"),
    )
    return ParsedConfig(config, diff_ids, _created_by(document, layers))


def _created_by(document: Document, layers: int) -> tuple[str, ...]:
    """History aligned to layers: entries marked `empty_layer` made none. One that doesn't fit tells nothing."""
    commands = [item.text("created_by") for item in document.objects("history") if not item.flag("empty_layer")]
    return tuple(commands) if len(commands) == layers else ("",) * layers
