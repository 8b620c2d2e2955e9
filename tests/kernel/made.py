"""Small kernels made for one test: module files, trees and configs that say what the test needs."""

import gzip
import lzma
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import zstandard

from auditor.kernel.model import ConfigSymbol, FeatureNeed, Kernel, ModuleAnswer, ModuleNeed
from auditor.kernel.read import read_kernels
from auditor.kernel.source.interface import Source
from auditor.kernel.source.open import open_source

RELEASE = "6.1.0-9-amd64"
HEADER = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.1.27 Kernel Configuration\n#\n"
HEADER += "CONFIG_NET=y\nCONFIG_CRYPTO=y\nCONFIG_DEBUG_KERNEL=y\n"  # what every whole config has


def module(*texts: str, machine: int = 62, wide: bool = True, order: str = "<", section: bytes = b".modinfo") -> bytes:
    """A module's ELF file whose .modinfo holds `texts` (`alias=ipt_set`)."""
    info = b"".join(text.encode() + b"\0" for text in texts)
    names = b"\0" + section + b"\0.shstrtab\0"
    head = 64 if wide else 52
    layout = order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII")
    start = head + len(info) + len(names)
    headers = (
        struct.pack(layout, *(0,) * 10)
        + struct.pack(layout, 1, 1, 0, 0, head, len(info), 0, 0, 1, 0)
        + struct.pack(layout, 2 + len(section), 3, 0, 0, head + len(info), len(names), 0, 0, 1, 0)
    )
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "<" else 2, 1)) + bytes(9)
    pointers = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    size = struct.calcsize(layout)
    elf = ident + struct.pack(pointers, 1, machine, 1, 0, 0, start, 0, head, 0, 0, size, 3, 2)
    return elf + info + names + headers


def packed(data: bytes, kind: str) -> bytes:
    """`data` as a module's file of that compression: "", `gz`, `xz`, `zst`."""
    if kind == "gz":
        return gzip.compress(data)
    if kind == "xz":
        return lzma.compress(data)
    return zstandard.compress(data) if kind == "zst" else data


def tree(
    folder: Path,
    modules: Mapping[str, Sequence[str]],
    *,
    kind: str = "",
    order: Sequence[str] | None = None,
    built_in: Sequence[str] | None = (),
    built_in_info: Mapping[str, Sequence[str]] | None = None,
    installed: bool = False,
    release: str = RELEASE,
) -> Path:
    """A module tree `folder`/RELEASE of modules by name, each with its .modinfo; `order` None: no modules.order.

    An `installed` one has modules.dep and modules.alias as depmod would have written them.
    """
    root = folder / release
    (root / "kernel/net").mkdir(parents=True)
    suffix = f".{kind}" if kind else ""
    aliases, depends = [], []
    for name, texts in modules.items():
        data = module(f"name={name}", f"vermagic={release} SMP preempt", *texts)
        (root / f"kernel/net/{name}.ko{suffix}").write_bytes(packed(data, kind))
        depends.append(f"kernel/net/{name}.ko{suffix}:\n")
        aliases += [f"alias {text[6:]} {name}\n" for text in texts if text.startswith("alias=")]
    if order is not None:
        listed = dict.fromkeys((*modules, *order))
        (root / "modules.order").write_text("".join(f"kernel/net/{name}.ko\n" for name in listed))
    if built_in is not None:
        (root / "modules.builtin").write_text("".join(f"kernel/net/{name}.ko\n" for name in built_in))
    if built_in_info is not None:
        rows = [f"{name}.{text}" for name, texts in built_in_info.items() for text in texts]
        (root / "modules.builtin.modinfo").write_text("".join(f"{row}\0" for row in rows))
    if installed:
        (root / "modules.dep").write_text("".join(depends))
        (root / "modules.alias").write_text("# Aliases extracted from modules themselves.\n" + "".join(aliases))
    return root


def config(folder: Path, *lines: str, header: str = HEADER, name: str = f"config-{RELEASE}") -> Path:
    """A config; a line `X=m` is `CONFIG_X=m`, a line `X` is "is not set"."""
    rows = [f"CONFIG_{line}" if "=" in line else f"# CONFIG_{line} is not set" for line in lines]
    path = folder / name
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def need(name: str, symbol: str = "", **fields: object) -> ModuleNeed:
    """A need of one module, built by one symbol."""
    return ModuleNeed(name, config=(ConfigSymbol(symbol),) if symbol else (), **fields)  # type: ignore[arg-type]


def ask(paths: Sequence[Path | Source], *needs: ModuleNeed) -> list[ModuleAnswer]:
    """What the one kernel in `paths` says to the needs."""
    return list(one(paths, FeatureNeed("feature", needs)).features[0].modules)


def one(paths: Sequence[Path | Source], *features: FeatureNeed) -> Kernel:
    """The one kernel that the paths make up."""
    sources = [open_source(path) if isinstance(path, Path) else path for path in paths]
    kernels = read_kernels(sources, features)
    assert len(kernels) == 1, [kernel.release for kernel in kernels]
    return kernels[0]
