"""The order of the calls for kernels: rules, rows, pairs with images, waivers, verdict."""

import datetime
from collections.abc import Iterable, Mapping, Sequence

from auditor.auditing.verdict import rule_texts, summarise, verdict
from auditor.auditing.waivers import Waiver, apply_waivers
from auditor.errors import UsageError
from auditor.finding import Finding
from auditor.image import parse_platform
from auditor.inventory.model import Inventory
from auditor.kernel.model import Kernel, ModuleAnswer, Presence, what_would_answer
from auditor.kernel.version import version_text
from auditor.machine import architecture
from auditor.report.kernel.model import (
    KernelAnswer,
    KernelFinding,
    KernelReport,
    KernelRequirement,
    PairUnknown,
    ReportKernel,
    ReportKernelImage,
    ReportModule,
    ReportPair,
    UnknownSetType,
    UserspaceSetType,
)
from auditor.report.model import Report, ReportSpec, Verdict
from auditor.rules import Options, Subject, run_rules
from auditor.rules.kernel.context import KernelContext, PairContext
from auditor.rules.kernel.needs import running_flavours
from auditor.rules.kernel.rows import KernelRow, judge_kernel_rows, pair_unknowns
from auditor.rules.severity import weighed
from auditor.spec import Spec
from auditor.tools.project.ipset import IPSET
from auditor.tools.project.xtables import Xtables


def platforms_for(kernels: Sequence[Kernel], asked: Sequence[str]) -> tuple[str, ...]:
    """The platforms to look at an image for: those asked for, else those that the kernels run on; none: its own."""
    chosen = [str(parse_platform(name)) for name in asked]
    running = [f"linux/{kernel.architecture}" for kernel in kernels if kernel.architecture]
    return tuple(dict.fromkeys(chosen or running))


def audit_kernels(
    kernels: Sequence[Kernel],
    images: Sequence[Report],
    spec: Spec,
    options: Options | None = None,
    waivers: Sequence[Waiver] = (),
    today: datetime.date | None = None,
) -> KernelReport:
    """Judge kernels that were asked for this spec's needs, each by itself and with the images that it runs.

    Of an image's report its inventory counts, whatever it was judged by. UsageError where an image is for none of
    the kernels, or a kernel has none of the images, or where nothing of a kernel's features can
    be told: such a report would leave something out.
    """
    options = options or Options()
    day = today or datetime.datetime.now(datetime.UTC).date()
    pairs = _pairs(kernels, images)
    found: list[tuple[Finding, int, int | None]] = []
    rows: list[tuple[KernelRow, ...]] = []
    for index, kernel in enumerate(kernels):
        context = KernelContext(spec, options, kernel)
        own, _ = apply_waivers(run_rules(Subject.KERNEL, context), waivers, kernel.release, day)
        rows.append(judge_kernel_rows(context, own))
        found += [(finding, index, None) for finding in weighed(spec, own)]
    unknown = {}
    for at_kernel, at_image in pairs:
        report = images[at_image]
        both = PairContext(spec, options, kernels[at_kernel], report.inventory)
        own, _ = apply_waivers(run_rules(Subject.PAIR, both), waivers, report.image.reference, day)
        found += [(finding, at_kernel, at_image) for finding in weighed(spec, own)]
        unknown[at_kernel, at_image] = tuple(
            PairUnknown(entry.rule, entry.about, entry.reason) for entry in pair_unknowns(both)
        )
    found.sort(key=lambda entry: (*entry[0].sort_key[:2], entry[1], -1 if entry[2] is None else entry[2]))
    for kernel, judged in zip(kernels, rows, strict=True):
        _check_answered(kernel, judged)
    fail_on = options.fail_on
    requirements = _requirements(rows, found)
    statuses = [[answer.status for answer in judged] for judged in rows]
    summary = summarise(status for judged in statuses for status in judged)

    def counting(number: int) -> int:
        """Answers that are unknown, where these fail."""
        return number if options.fail_on_unknown else 0

    return KernelReport(
        spec=ReportSpec(
            spec.name,
            spec.version,
            spec.digest,
            {
                "ip_family": options.ip_family.value,
                "fail_on": fail_on.value,
                "fail_on_unknown": options.fail_on_unknown,
            },
        ),
        verdict=verdict(
            [finding for finding, _, _ in found],
            fail_on,
            counting(summary.unknown + sum(map(len, unknown.values()))),
        ),
        kernels=tuple(
            _kernel(
                kernel,
                verdict(
                    [finding for finding, at, image in found if at == index and image is None],
                    fail_on,
                    counting(statuses[index].count("unknown")),
                ),
                dict(options.cpu),
            )
            for index, kernel in enumerate(kernels)
        ),
        images=tuple(map(_image, images)),
        pairs=tuple(
            ReportPair(
                kernel=at_kernel,
                image=at_image,
                verdict=verdict(
                    [finding for finding, *at in found if at == [at_kernel, at_image]],
                    fail_on,
                    counting(len(unknown[at_kernel, at_image])),
                ),
                findings=tuple(index for index, (_, *at) in enumerate(found) if at == [at_kernel, at_image]),
                unknown=unknown[at_kernel, at_image],
            )
            for at_kernel, at_image in pairs
        ),
        requirements=requirements,
        findings=tuple(_finding(*entry) for entry in found),
        summary=summary,
        rules=rule_texts(finding for finding, _, _ in found),
    )


def runs(kernel: Kernel, report: Report) -> bool:
    """Whether the kernel runs an image of that architecture; where one of them doesn't tell its own, yes."""
    image = report.image.platform.architecture
    own = architecture(kernel.architecture)
    return not kernel.architecture or not image or image in (kernel.architecture, *(own.also_runs if own else ()))


def _pairs(kernels: Sequence[Kernel], images: Sequence[Report]) -> tuple[tuple[int, int], ...]:
    pairs = [
        (at_kernel, at_image)
        for at_kernel, kernel in enumerate(kernels)
        for at_image, report in enumerate(images)
        if runs(kernel, report)
    ]
    architectures = ", ".join(dict.fromkeys(kernel.architecture for kernel in kernels))
    for index, report in enumerate(images):
        if not any(at == index for _, at in pairs):
            what = f"an image for {report.image.platform}, and the kernels are for {architectures}"
            raise UsageError(what, report.image.reference, "give the kernel of its platform, or choose with --platform")
    for index, kernel in enumerate(kernels):
        if images and not any(at == index for at, _ in pairs):
            what = f"a kernel for {kernel.architecture}, and none of the images is"
            raise UsageError(what, kernel.release, "choose with --platform, or audit it by itself")
    return tuple(pairs)


def _check_answered(kernel: Kernel, rows: Sequence[KernelRow]) -> None:
    """UsageError where what was given of a kernel answers no row about its features: that is no audit of it."""
    asked = [row for row in rows if row.modules and row.status != "not-applicable"]
    if not asked or any(map(_is_answered, asked)):
        return
    where = ", ".join(source.label for source in kernel.sources)
    what = f"none of the {len(asked)} rows about a kernel's features can be answered: {asked[0].reason}"
    raise UsageError(what, where, what_would_answer(kernel.sources))


def _is_answered(row: KernelRow) -> bool:
    """Whether a row was judged, or all its modules were and only the kernel's version isn't known."""
    return row.status != "unknown" or all(module.presence is not Presence.UNKNOWN for module in row.modules)


def _kernel(
    kernel: Kernel,
    judged: Verdict,
    named: Mapping[str, str],
) -> ReportKernel:
    return ReportKernel(
        release=kernel.release,
        version=version_text(kernel.version),
        architecture=kernel.architecture,
        sources=kernel.sources,
        verdict=judged,
        set_types=kernel.set_types,
        set_types_unknown=tuple(UnknownSetType(*entry) for entry in kernel.set_types_unknown),
        modprobe_path=kernel.modprobe_path,
        modprobe_reason=kernel.modprobe_reason,
        module_compression=kernel.module_compression,
        compression_config=kernel.compression_config,
        decompresses=kernel.decompresses,
        node=kernel.node,
        cpu_level=kernel.cpu_level or named.get(kernel.architecture),
    )


def _image(report: Report) -> ReportKernelImage:
    image, inventory = report.image, report.inventory
    ipset = inventory.tool(IPSET)
    return ReportKernelImage(
        reference=image.reference,
        source=image.source,
        digest=image.digest,
        config_digest=image.config_digest,
        platform=image.platform,
        ipset=ipset.version if ipset else None,
        set_types=_set_types(inventory),
        flavours=tuple(sorted(running_flavours(inventory, Xtables.tools))),
        kmod=inventory.kmod,
    )


def _set_types(inventory: Inventory) -> tuple[UserspaceSetType, ...]:
    revisions: dict[str, list[int]] = {}
    for entry in inventory.set_types:
        revisions.setdefault(entry.name, []).append(entry.revision)
    return tuple(UserspaceSetType(name, min(known), max(known)) for name, known in sorted(revisions.items()))


def _requirements(
    rows: Sequence[Sequence[KernelRow]], found: Sequence[tuple[Finding, int, int | None]]
) -> tuple[KernelRequirement, ...]:
    requirements = []
    for answers in zip(*rows, strict=True):
        row = answers[0].requirement
        requirements.append(
            KernelRequirement(
                id=row.id,
                section=row.section,
                text=row.text,
                min_version=row.needs.min_version if row.needs else "",
                kernels=tuple(
                    KernelAnswer(
                        kernel=index,
                        status=answer.status,
                        reason=answer.reason,
                        modules=tuple(map(_module, answer.modules)),
                        findings=tuple(_about(row.id, index, found)),
                    )
                    for index, answer in enumerate(answers)
                ),
            )
        )
    return tuple(requirements)


def _about(row: str, kernel: int, found: Sequence[tuple[Finding, int, int | None]]) -> Iterable[int]:
    """The findings of a kernel by itself that count against a row."""
    for index, (finding, at_kernel, at_image) in enumerate(found):
        if at_kernel == kernel and at_image is None and row in finding.rows:
            yield index


def _module(answer: ModuleAnswer) -> ReportModule:
    return ReportModule(
        name=answer.need.name,
        presence=answer.presence.value,
        provider=answer.provider,
        built_in=answer.built_in,
        path=answer.path,
        compression=answer.compression,
        reason=answer.reason,
        config=answer.config,
        gates=answer.gates,
        family=answer.need.family or None,  # type: ignore[arg-type]  # the spec allows these words only
        flavour=answer.need.flavour or None,  # type: ignore[arg-type]  # the same
    )


def _finding(finding: Finding, kernel: int, image: int | None) -> KernelFinding:
    own = {name: getattr(finding, name) for name in finding.__struct_fields__}
    return KernelFinding(**own, kernel=kernel, image=image)
