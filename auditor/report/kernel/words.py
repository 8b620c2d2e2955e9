"""The words that all formats for people share."""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from auditor.kernel.model import what_would_answer
from auditor.report.conclusion import not_met_told
from auditor.report.kernel.model import (
    KernelAnswer,
    KernelFinding,
    KernelReport,
    PairUnknown,
    ReportKernel,
    ReportKernelImage,
    ReportModule,
)
from auditor.report.words import few, listed, plural, short_digest

_SEVERITIES = ("error", "warning", "note")
STATUS = {"met": "met", "not-met": "not met", "waived": "waived", "unknown": "unknown", "not-applicable": "–"}
NO_PAIR = "another architecture"


class Cell(Struct, frozen=True):
    """What an image and a kernel are together. `kind` is `pass`, `warning`, `unknown`, `fail` or `none`."""

    kind: str
    text: str
    why: str = ""  # what is at fault, in short; else why something is unknown


def kernel_name(report: KernelReport, index: int) -> str:
    """The node's name and the release; else the release, with the architecture where another kernel has the same."""
    kernel = report.kernels[index]
    if kernel.node:
        return f"{kernel.release} on {kernel.node}"
    release = kernel.release or "unknown release"
    alike = [other for other in report.kernels if other.release == kernel.release]
    return f"{release} ({kernel.architecture or 'unknown'})" if len(alike) > 1 else release


def image_name(report: KernelReport, index: int) -> str:
    """The reference; with the platform where another image has the same."""
    image = report.images[index]
    alike = [other for other in report.images if other.reference == image.reference]
    return f"{image.reference} ({image.platform})" if len(alike) > 1 else image.reference


def kernel_facts(kernel: ReportKernel) -> str:
    """`amd64, modules .ko.xz, modprobe /sbin/modprobe; deb linux-image….deb (modules, config)`."""
    kinds = [f".ko.{kind}" if kind else ".ko" for kind in kernel.module_compression]
    parts = [
        kernel.architecture,
        f"modules {' and '.join(kinds)}" if kinds else "",
        f"modprobe {kernel.modprobe_path}" if kernel.modprobe_path else "",
        f"processor {kernel.cpu_level}" if kernel.cpu_level else "",
    ]
    read = ", ".join(f"{source.kind} {source.label} ({', '.join(source.holds)})" for source in kernel.sources)
    return "; ".join(part for part in (", ".join(filter(None, parts)), read) if part)


def image_facts(image: ReportKernelImage) -> str:
    """`linux/amd64, registry, sha256:0123456789ab; ipset 7.17, iptables nf_tables, kmod 30`."""
    source = (str(image.platform), image.source, short_digest(image.digest, image.config_digest))
    return "; ".join((listed(source), tools(image)))


def tools(image: ReportKernelImage) -> str:
    """The image's tools that deal with kernels."""
    loader = image.kmod.loader(image.kmod.on_path) if image.kmod else None
    modprobe = "no modprobe" if image.kmod else ""
    if loader is not None:
        modprobe = f"{loader.kind} {loader.version}" if loader.version else f"modprobe is {loader.kind}"
    parts = (
        f"ipset {image.ipset}" if image.ipset else "ipset of unknown version",
        f"iptables {' and '.join(image.flavours)}" if image.flavours else "",
        modprobe,
    )
    return ", ".join(filter(None, parts))


def cell(report: KernelReport, kernel: int, image: int) -> Cell:
    """What an image and a kernel are together, the kernel's own failings included."""
    pair = report.pair(kernel, image)
    if pair is None:
        return Cell("none", NO_PAIR)
    own = [entry for entry in report.findings if entry.kernel == kernel and entry.image is None]
    found = [entry for entry in (*own, *(report.findings[index] for index in pair.findings)) if not entry.waived_by]
    told = counts(entry for entry in found if entry.severity != "note")
    rules = ", ".join(dict.fromkeys(entry.rule for entry in found if entry.severity != "note"))
    failed = "fail" in (report.kernels[kernel].verdict, pair.verdict)
    unknown = len(pair.unknown) + sum(answer.status == "unknown" for answer in answers(report, kernel))
    text = "fails" if failed else "passes"
    text += f": {told} ({rules})" if told else ""
    text += f"{';' if told else ','} {unknown} unknown" if unknown else ""
    kind = "fail" if failed else "warning" if told else "unknown" if unknown else "pass"
    subjects = dict.fromkeys(entry.subject for entry in found if entry.severity != "note")
    return Cell(kind, text, few(subjects) or few(dict.fromkeys(entry.reason for entry in pair.unknown), 1))


def answers(report: KernelReport, kernel: int) -> Iterator[KernelAnswer]:
    """One kernel's answer to every row."""
    return (row.kernels[kernel] for row in report.requirements)


def counts(findings: Iterable[KernelFinding]) -> str:
    """`1 error, 2 warnings`; "" for none."""
    found: Counter[str] = Counter(entry.severity for entry in findings)
    return listed(plural(found[word], word) for word in _SEVERITIES if found[word])


def about(report: KernelReport, finding: KernelFinding) -> str:
    """Which kernel, and which image with it."""
    kernel = f"Linux {kernel_name(report, finding.kernel)}"
    return kernel if finding.image is None else f"{kernel} with {image_name(report, finding.image)}"


def how(modules: Iterable[ReportModule]) -> str:
    """How a row's modules are there, in short: `1 built-in, 2 modules`."""
    found = Counter(module.presence for module in modules if module.flavour is None)
    plural = {"module": "modules", "alias": "aliases"}
    return ", ".join(
        f"{number} {presence if number == 1 else plural.get(presence, presence)}" for presence, number in found.items()
    )


def unknowns(report: KernelReport) -> Iterator[tuple[str, str, str]]:
    """(kernel, or kernel with image; what; why) of everything that could not be judged."""
    for row in report.requirements:
        for answer in row.kernels:
            if answer.status == "unknown":
                yield f"Linux {kernel_name(report, answer.kernel)}", row.id, answer.reason
    for pair in report.pairs:
        both = f"Linux {kernel_name(report, pair.kernel)} with {image_name(report, pair.image)}"
        yield from ((both, _subject(entry), entry.reason) for entry in pair.unknown)


def _subject(entry: PairUnknown) -> str:
    return f"{entry.rule} {entry.subject}"


def conclusion(report: KernelReport) -> str:
    """What the exit code says, in words."""
    kernels, images = len(report.kernels), len(report.images)
    told = plural(kernels, "kernel") + (f" with {plural(images, 'image')}" if images else "")
    one = kernels == 1
    unknown = report.summary.unknown + sum(len(pair.unknown) for pair in report.pairs)
    aside = f"; {plural(unknown, 'answer')} unknown{_remedies(report)}" if unknown else ""
    if report.verdict == "fail":
        return f"{told}: {'does' if one else 'do'} not meet {report.spec.name}{aside}"
    if report.summary.not_met:
        return f"{told}: {not_met_told(report.summary, report.spec.name)}{aside}"
    return f"{told} {'meets' if one else 'meet'} {report.spec.name}{aside}"


def _remedies(report: KernelReport) -> str:
    """What would answer the rows that are unknown, once for all kernels that lack the same."""
    lacking = [
        kernel
        for index, kernel in enumerate(report.kernels)
        if any(answer.status == "unknown" for answer in answers(report, index))
    ]
    told = dict.fromkeys(what_would_answer(kernel.sources) for kernel in lacking)
    return f" ({'; '.join(told)})" if told else ""
