"""From a report to a bill of materials: what is listed, under which id, and what depends on what."""

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from auditor.image.model import Layer
from auditor.inventory.model import UNOWNED, Distribution, ElfObject, InstalledPackage, Inventory, Tool
from auditor.report.audit.document import from_document, to_document
from auditor.report.bill.completeness import doubt
from auditor.report.bill.golang import module_entries
from auditor.report.bill.model import Bill, Facts, FileEntry, ImageEntry, Method, ModuleEntry, PackageEntry, ToolEntry
from auditor.report.bill.naming import shown_name
from auditor.report.bill.purl import image_purl, package_purl
from auditor.report.model import IndexReport, Report, ReportImage
from auditor.report.words import valid

PREFIX = "audit-image"  # of every property that is not the format's own

# How sure each way is, by what was measured: an anchored string is the tool's own, a package may name another.
_TECHNIQUES = {
    "elf-string": ("binary-analysis", "0.9"),
    "library-string": ("binary-analysis", "0.9"),
    "applet": ("binary-analysis", "0.9"),
    "package": ("manifest-analysis", "0.7"),
    "script": ("other", "0.3"),
}
_OTHER = ("other", "0.3")
_VOUCHED, _UNVOUCHED = ("manifest-analysis", "0.7"), ("manifest-analysis", "0.3")


def build(report: Report | IndexReport) -> Bill:
    """The bill of one image, or of every platform of an index."""
    if isinstance(report, Report):
        return Bill(_image(_plain(report), "image", ""))
    index = replace(report.index, reference=valid(report.index.reference))
    facts = ((f"{PREFIX}:image:digest", index.digest or ""), (f"{PREFIX}:verdict", report.verdict))
    purl = image_purl(index.reference, index.digest)
    root = ImageEntry(
        "index", shown_name(index.reference), index.digest or "", purl, Distribution(), facts, (), (), (), ()
    )
    named = ((str(entry.image.platform), entry) for entry in map(_plain, report.platforms))
    by_platform = sorted(named, key=lambda pair: pair[0])
    return Bill(root, tuple(_image(entry, f"image:{name}", f"{name}/") for name, entry in by_platform))


def _plain(report: Report) -> Report:
    """As a saved report has it, every text valid Unicode: an image and its report give the same bill."""
    return from_document(to_document(report), report.image.reference)


def _image(report: Report, own_id: str, prefix: str) -> ImageEntry:
    inventory = report.inventory
    packages = _packages(inventory, prefix)
    owners = _owners(packages)
    files = tuple(
        FileEntry(f"{prefix}file:{entry.path}", entry, owners.get(entry.package or "", ""), _file_facts(entry, report))
        for entry in sorted(inventory.objects, key=lambda entry: entry.path)
    )
    tools = tuple(
        ToolEntry(f"{prefix}tool:{tool.name}", tool, _methods(tool), tuple(_tool_facts(tool)), _vendor(tool, inventory))
        for tool in sorted(inventory.tools, key=lambda tool: tool.name)
        if tool.binaries
    )
    facts = (*_identity(report.image), *_layer_facts(report.image.layers), *_judgement(report))
    modules = module_entries(inventory.go, prefix)
    edges = tuple(_edges(own_id, inventory, packages, tools, files, modules))
    image = report.image
    return ImageEntry(
        own_id,
        shown_name(image.reference),
        image.digest or image.config_digest or "",
        image_purl(image.reference, image.digest, image.platform.architecture),
        inventory.distribution,
        facts,
        packages,
        tools,
        files,
        edges,
        doubt(inventory),
        modules,
    )


def _packages(inventory: Inventory, prefix: str) -> tuple[PackageEntry, ...]:
    seen: Counter[str] = Counter()
    entries = []
    for package in sorted(inventory.packages, key=_package_key):
        purl = package_purl(package, inventory.distribution)
        own_id = prefix + (purl or f"package:{package.type}/{package.version}")
        seen[own_id] += 1
        again = f"#{seen[own_id]}" if seen[own_id] > 1 else ""
        entries.append(PackageEntry(own_id + again, package, purl))
    return tuple(entries)


def _package_key(package: InstalledPackage) -> tuple[str, ...]:
    return (package.type, package.name, package.architecture, package.version, package.source_version)


def _owners(packages: Sequence[PackageEntry]) -> Mapping[str, str]:
    """Package name -> id; the first, where several of one name are installed (the report knows owners by name)."""
    owners: dict[str, str] = {}
    for entry in packages:
        owners.setdefault(entry.package.name, entry.id)
    return owners


def _edges(
    own_id: str,
    inventory: Inventory,
    packages: Sequence[PackageEntry],
    tools: Sequence[ToolEntry],
    files: Sequence[FileEntry],
    modules: Sequence[ModuleEntry],
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Image -> packages, tools, modules; tool -> its programs and plug-ins; program or library -> what it loads."""
    parts = [entry.id for entry in packages] + [entry.id for entry in tools] + [entry.id for entry in modules]
    yield own_id, tuple(sorted(parts))
    by_path = {entry.object.path: entry.id for entry in files}
    plugins = _plugins(inventory)
    for tool in tools:
        paths = {binary.resolved_path for binary in tool.tool.binaries} | plugins.get(tool.tool.name, set())
        yield tool.id, tuple(sorted(by_path[path] for path in paths if path in by_path))
    for file in files:
        needs = {by_path[path] for path in file.object.needs if path in by_path} - {file.id}
        yield file.id, tuple(sorted(needs))
    yield from ((entry.id, ()) for entry in packages)
    yield from ((entry.id, ()) for entry in modules)


def _plugins(inventory: Inventory) -> Mapping[str, set[str]]:
    """The xtables plug-ins by tool: every object of the tools in a directory that extensions are looked up in."""
    directories: dict[str, set[str]] = {"iptables": set(), "ip6tables": set()}
    for extension in inventory.extensions:
        directory = posixpath.dirname(extension.path)
        for tool, family in (("iptables", "ipv4"), ("ip6tables", "ipv6")):
            if extension.family in (family, "any"):
                directories[tool].add(directory)
    return {
        tool: {entry.path for entry in inventory.objects if posixpath.dirname(entry.path) in places}
        for tool, places in directories.items()
    }


def _methods(tool: Tool) -> tuple[Method, ...]:
    if tool.version is None:
        return ()
    found = {Method(*_TECHNIQUES.get(seen.kind, _OTHER), f"{seen.path}: {seen.value}") for seen in tool.evidence}
    first = tool.binaries[0]
    if first.package and first.package_version and first.package_version == tool.version:
        technique = _UNVOUCHED if first.vouched is False else _VOUCHED
        found.add(Method(*technique, f"package {first.package}: {first.package_version}"))
    return tuple(sorted(found, key=lambda method: (method.technique, method.value)))


def _vendor(tool: Tool, inventory: Inventory) -> str:
    owner = tool.binaries[0].package
    return next((package.vendor for package in inventory.packages if package.name == owner), "")


def _tool_facts(tool: Tool) -> Iterator[tuple[str, str]]:
    if tool.reason:
        yield f"{PREFIX}:tool:reason", tool.reason
    for flavour in sorted({binary.flavour for binary in tool.binaries if binary.flavour}):
        yield f"{PREFIX}:tool:flavour", flavour
    for binary in sorted(tool.binaries, key=lambda binary: binary.path):
        yield f"{PREFIX}:tool:program", binary.path
        if binary.version and binary.version != tool.version:
            yield f"{PREFIX}:tool:program:{binary.path}:version", binary.version


def _file_facts(entry: ElfObject, report: Report) -> Facts:
    facts = [(f"{PREFIX}:soname", entry.soname or ""), (f"{PREFIX}:build-id", entry.build_id or "")]
    if entry.layer is not None and entry.layer < len(report.image.layers):
        layer = report.image.layers[entry.layer]
        facts += [(f"{PREFIX}:layer", str(entry.layer)), (f"{PREFIX}:layer:diff-id", layer.diff_id or "")]
    # None: there is no database that could know an owner; an empty value would look like an unowned file.
    facts.append((f"{PREFIX}:package", entry.package or ""))
    if entry.package == UNOWNED:
        facts.append((f"{PREFIX}:unowned", "true"))
    return tuple((name, value) for name, value in facts if value)


def _identity(image: ReportImage) -> Iterator[tuple[str, str]]:
    facts = {
        "digest": image.digest,
        "config-digest": image.config_digest,
        "platform": str(image.platform) if image.platform.architecture else "",
    }
    yield from ((f"{PREFIX}:image:{name}", value) for name, value in facts.items() if value)


def _layer_facts(layers: Sequence[Layer]) -> Iterator[tuple[str, str]]:
    for layer in layers:
        facts = {
            "digest": layer.digest,
            "diff-id": layer.diff_id,
            "media-type": layer.media_type,
            "size": None if layer.size is None else str(layer.size),
            "created-by": layer.created_by,
        }
        yield from ((f"{PREFIX}:layer:{layer.index}:{name}", value) for name, value in facts.items() if value)


def _judgement(report: Report) -> Iterator[tuple[str, str]]:
    yield f"{PREFIX}:verdict", report.verdict
    yield f"{PREFIX}:spec", report.spec.label
    yield f"{PREFIX}:spec:digest", report.spec.digest
    for name, option in sorted(report.spec.options.items()):
        yield f"{PREFIX}:spec:option:{name}", str(option).lower() if isinstance(option, bool) else str(option)
    for row in report.requirements:
        yield f"{PREFIX}:requirement:{row.id}", row.status
        for name, value in (("kernel", row.kernel), ("state", row.state), ("reason", row.reason)):
            if value:
                yield f"{PREFIX}:requirement:{row.id}:{name}", value
    for message in report.inventory.package_warnings:
        yield f"{PREFIX}:package-database-warning", message
