"""Whether an image's modprobe can read a kernel's modules."""

from collections.abc import Iterator

from auditor.finding import Finding
from auditor.inventory.model import Decoder, ModuleLoader
from auditor.kernel.model import Kernel, ModuleAnswer
from auditor.rules.context import enumerate_names, finding
from auditor.rules.kernel.context import Outcome, PairContext, Unknown, findings_of
from auditor.rules.kernel.modprobe import NOT_LOOKED_AT
from auditor.rules.model import Subject, rule
from auditor.severity import Severity

_RULE = "module-compression-unsupported"


@rule(
    _RULE,
    Severity.ERROR,
    Subject.PAIR,
    mend="Ship a kmod that reads these modules, with the library that it needs for it.",
)
def module_compression_unsupported(context: PairContext) -> Iterator[Finding]:
    """The kernel's modules are compressed, and the image's modprobe can't decompress them.

    Distributions ship modules as `.ko.xz`, `.ko.zst` or `.ko.gz`. kmod reads them with liblzma, libzstd or zlib,
    where it was built with it (`kmod --version` prints `+XZ` or `-XZ`): linked, built in, or since kmod 34 loaded
    when needed, which its `.note.dlopen` tells (systemd's ELF dlopen metadata specification); a package manager
    takes no offence where such a library is gone. From kmod 31 on, decompression is left to a kernel that can do it
    itself (CONFIG_MODULE_DECOMPRESS, Linux 5.17; /sys/module/compression names the one kind): then a note. Judged is
    what the kernel's own CONFIG_MODPROBE_PATH leads to in the image, else what PATH runs; an image without modprobe
    loads none. What a busybox or a script reads is unknown.
    """
    return findings_of(look_at_compression(context))


def look_at_compression(context: PairContext) -> Iterator[Outcome]:
    """Every compression of the modules that the rows need."""
    by_kind = context.loadable()
    if not by_kind:
        yield from _untold(context)
    compressed = {kind: found for kind, found in by_kind.items() if kind}
    if not compressed:
        return
    kmod = context.inventory.kmod
    if kmod is None:
        yield Unknown(_RULE, "modprobe", NOT_LOOKED_AT)
        return
    loader = _loader(context)
    if loader is None:
        return
    for kind, found in sorted(compressed.items()):
        decoder = loader.decoder(kind)
        if decoder.usable is None:
            yield Unknown(_RULE, loader.path, f"whether it reads .ko.{kind}: {decoder.reason}")
        elif not decoder.usable:
            yield _unreadable(context, loader, decoder, found)


def _untold(context: PairContext) -> Iterator[Unknown]:
    """Without the modules themselves, the config says how they are meant to be, which packages need not follow."""
    kind, loader = context.kernel.compression_config, _loader(context)
    if kind and loader is not None and not loader.decoder(kind).usable:
        reason = (
            f"the kernel's config asks for .ko.{kind}, which it can't read, but no module was given that would show it"
        )
        yield Unknown(_RULE, loader.path, reason)


def _loader(context: PairContext) -> ModuleLoader | None:
    """The program that the kernel's path leads to, else the one that PATH runs."""
    kmod = context.inventory.kmod
    if kmod is None:
        return None
    place = kmod.place(context.kernel.modprobe_path or "")
    return kmod.loader(place.resolved_path if place and place.resolved_path else kmod.on_path)


def _unreadable(
    context: PairContext, loader: ModuleLoader, decoder: Decoder, found: list[tuple[ModuleAnswer, str]]
) -> Outcome:
    kind = decoder.compression
    rows = list(dict.fromkeys(row for _, row in found))
    modules = sorted({answer.provider for answer, _ in found})
    reads = _kernel_reads(context.kernel, loader, kind)
    if reads is None:
        reason = (
            f"it can't read .ko.{kind} ({decoder.reason}), and whether the kernel decompresses them itself isn't known"
        )
        return Unknown(_RULE, loader.path, reason)
    own = f"kmod {loader.version or 'of unknown version'} ({loader.path})"
    what = f"the modules of {context.shown} are .ko.{kind} ({enumerate_names(modules, 3)})"
    message = (
        f"The image's {own} leaves decompression to the kernel: {what}, and it can't read them itself, "
        f"{decoder.reason}; /sys/module has to be visible in the container."
        if reads
        else f"The image's {own} can't load modules: {what}, and {decoder.reason}."
    )
    return finding(
        _RULE,
        rows[0],
        loader.path,
        message,
        severity=Severity.NOTE if reads else Severity.ERROR,
        evidence={
            "compression": kind,
            "modules": modules,
            "decoder": decoder.how,
            "library": decoder.library or None,
            "kmod": [entry.value for entry in loader.evidence],
            "kernel_decompresses": context.kernel.decompresses,
        },
        layer=loader.layer,
        fix=f"Install {decoder.library} in the image." if decoder.library else "",
        affects=rows[1:],
    )


def _kernel_reads(kernel: Kernel, loader: ModuleLoader, kind: str) -> bool | None:
    """Whether kmod hands over such modules and the kernel decompresses them; None where that isn't known."""
    if loader.hands_over is False or kernel.decompresses is False:
        return False
    if loader.hands_over is None or kernel.decompresses is None or kernel.compression_config is None:
        return None
    return kernel.compression_config == kind
