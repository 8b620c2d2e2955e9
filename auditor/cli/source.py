"""From what the user wrote for IMAGE to a report: a fresh audit, or a saved report judged anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditor.auditing.baseline import Baseline
from auditor.auditing.image import audit_facts, judge_by
from auditor.auditing.index import audit_index_facts, judge_index
from auditor.auditing.load import load_index, open_image
from auditor.auditing.remembered import facts_of
from auditor.auditing.saved import of_index, of_platform, read_report
from auditor.auditing.terms import Terms
from auditor.auditing.waivers import Waiver
from auditor.budget import DEFAULT, Limits, parse_limits
from auditor.cache import Cache, cache_folder
from auditor.cli.output import say
from auditor.cli.progress import listening
from auditor.image import Access, Scheme, parse, parse_platform
from auditor.report.model import IndexReport, Report
from auditor.rules import Options
from auditor.spec import Spec


@dataclass(frozen=True, slots=True)
class Reach:
    """How to get at an image: which platform of it, how registries are reached, and what is said meanwhile."""

    platform: str | None = None
    authfile: str | None = None
    ca: str | None = None
    plain_http: bool = False
    quiet: bool = True
    verbose: bool = False
    limits: Limits = DEFAULT
    cache: Cache | None = None  # what earlier runs found out; None: every image is read
    available: bool = False  # of all platforms, those that the source doesn't hold are left out, and reported so

    @property
    def access(self) -> Access:
        """The part of it that registries need."""
        authfile = Path(self.authfile) if self.authfile else None
        return Access(authfile, Path(self.ca) if self.ca else None, self.plain_http)


def reach_of(
    platform: str | None,
    authfile: str | None,
    ca: str | None,
    plain_http: bool,
    quiet: bool,
    verbose: bool,
    limit: Sequence[str] | None,
    no_cache: bool,
    available: bool = False,
) -> Reach:
    """The options of a command, in their order there. UsageError for a limit that is none."""
    cache = None if no_cache else _cache(verbose=verbose)
    return Reach(platform, authfile, ca, plain_http, quiet, verbose, parse_limits(limit or ()), cache, available)


def _cache(*, verbose: bool) -> Cache | None:
    """What earlier runs found out; why it can't be used is only told with --verbose."""
    folder = cache_folder()
    if folder is None:
        return None
    return Cache(folder, lambda reason: say(f"nothing is remembered: {reason}") if verbose else None)


def audit_reference(
    text: str,
    spec: Spec,
    options: Options,
    waivers: Sequence[Waiver] = (),
    reach: Reach | None = None,
    *,
    baseline: Baseline | None = None,
) -> Report:
    """Audit the image that `text` names, or judge the saved report `report:FILE` by this spec and these waivers."""
    reach = reach or Reach()
    reference = parse(text)
    chosen = parse_platform(reach.platform) if reach.platform else None
    terms = Terms(spec, options, waivers, baseline=baseline).of_chosen_platform(chosen is not None)
    if reference.scheme is Scheme.REPORT:
        saved = of_platform(read_report(reference), chosen, text)
        _tell_spec(saved, spec, text, reach)
        return judge_by(terms, saved.image, saved.inventory)
    with (
        listening(quiet=reach.quiet, verbose=reach.verbose) as listener,
        open_image(
            reference, spec, platform=chosen, listener=listener, access=reach.access, limits=reach.limits
        ) as found,
    ):
        return audit_facts(facts_of(found, spec, reach.cache), terms)


def audit_for_platforms(
    text: str, platforms: Sequence[str], spec: Spec, options: Options, reach: Reach
) -> tuple[Report, ...]:
    """One report for each platform; a saved report has the one that it was made for."""
    chosen = () if parse(text).scheme is Scheme.REPORT else platforms
    return tuple(audit_reference(text, spec, options, (), replace(reach, platform=name)) for name in chosen or (None,))


def audit_any(
    text: str,
    spec: Spec,
    options: Options,
    waivers: Sequence[Waiver] = (),
    reach: Reach | None = None,
    *,
    all_platforms: bool = False,
    baseline: Baseline | None = None,
) -> Report | IndexReport:
    """One platform or all of them; a saved report of an index is taken whole where no platform of it is asked for."""
    whole = all_platforms or (not (reach and reach.platform) and is_saved_index(text))
    return (audit_all_platforms if whole else audit_reference)(text, spec, options, waivers, reach, baseline=baseline)


def is_saved_index(text: str) -> bool:
    """Whether `text` names a saved report of an index."""
    reference = parse(text)
    return reference.scheme is Scheme.REPORT and isinstance(read_report(reference), IndexReport)


def audit_all_platforms(
    text: str,
    spec: Spec,
    options: Options,
    waivers: Sequence[Waiver] = (),
    reach: Reach | None = None,
    *,
    baseline: Baseline | None = None,
) -> IndexReport:
    """Audit every platform of the image that `text` names; layers that they share are read once."""
    reach = reach or Reach()
    reference = parse(text)
    terms = Terms(spec, options, waivers, baseline=baseline)
    if reference.scheme is Scheme.REPORT:
        saved_index = of_index(read_report(reference))
        _tell_spec(saved_index, spec, text, reach)
        return judge_index(saved_index, terms)
    with (
        listening(quiet=reach.quiet, verbose=reach.verbose) as listener,
        load_index(
            reference,
            spec=spec,
            listener=listener,
            access=reach.access,
            limits=reach.limits,
            available=reach.available,
        ) as index,
    ):
        facts = (facts_of(found, spec, reach.cache) for found in index.found)
        return audit_index_facts(index, facts, terms)


def read_baseline(path: str, spec: Spec, reach: Reach) -> Baseline:
    """The saved report whose findings are accepted; UsageError where the file is not one."""
    saved = read_report(parse(path if path.startswith("report:") else f"report:{path}"))
    _tell_spec(saved, spec, path, reach)
    return Baseline(saved, path)


def _tell_spec(saved: Report | IndexReport, spec: Spec, where: str, reach: Reach) -> None:
    """Say so where a report was saved under another spec than it is judged by now."""
    before = of_index(saved).platforms[0].spec
    if before.digest != spec.digest and not reach.quiet:
        was, now = f"{before.name} {before.version}", f"{spec.name} {spec.version}"
        say(f"{where}: saved under {was}, judged by {now}")
