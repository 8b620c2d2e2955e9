"""From what the user wrote for IMAGE to a report: a fresh audit, or a saved report judged anew."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from auditor.auditing import named
from auditor.auditing.baseline import Baseline
from auditor.auditing.named import Way, audit_named, tell_spec
from auditor.auditing.saved import read_report
from auditor.auditing.terms import Terms
from auditor.auditing.waivers import Waiver
from auditor.budget import DEFAULT, Limits, parse_limits
from auditor.cache import Cache, cache_folder
from auditor.cli.defaults import setting_behind
from auditor.cli.output import say
from auditor.cli.progress import listening
from auditor.errors import UsageError
from auditor.family import Family
from auditor.image import Access, Scheme, SharedLayers, parse, parse_platform
from auditor.processor import parse_floors
from auditor.report.model import IndexReport, Report
from auditor.rules import Options
from auditor.severity import FailOn
from auditor.spec import Spec, chosen_modes


class Reach(NamedTuple):
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
    shared: SharedLayers | None = None  # layers that other images have too; None: each is read alone

    @property
    def access(self) -> Access:
        """The part of it that registries need."""
        authfile = Path(self.authfile) if self.authfile else None
        return Access(authfile, Path(self.ca) if self.ca else None, self.plain_http)

    @property
    def way(self) -> Way:
        """What an audit needs of it. UsageError for a platform that is none."""
        platform = parse_platform(self.platform) if self.platform else None
        return Way(platform, self.access, self.limits, self.cache, self.available, self.shared)


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
    several: bool = False,
) -> Reach:
    """The options of a command, in their order there; `several` images may share layers. UsageError for a limit that is
    none.
    """
    cache = None if no_cache else _cache(verbose=verbose)
    limits, shared = parse_limits(limit or ()), SharedLayers(cache) if cache or several else None
    return Reach(platform, authfile, ca, plain_http, quiet, verbose, limits, cache, available, shared)


def options_of(
    context: Any,
    spec: Spec,
    strict: bool,
    ip_family: Family,
    require_platform: Sequence[str] | None,
    fail_on: FailOn,
    fail_on_unknown: bool,
    mode: Sequence[str] | None,
    cpu: Sequence[str] | None,
    *,
    suggest: bool = False,
) -> Options:
    """How images are judged, from the options of the command that runs. UsageError for a value that is none."""
    gate = setting_behind(context, "fail_on")
    return Options(
        strict,
        ip_family,
        fail_on,
        tuple(str(parse_platform(name)) for name in require_platform or ()),
        fail_on_unknown=fail_on_unknown,
        modes=chosen_modes(spec, mode),
        cpu=parse_floors(cpu or ()),
        fail_on_from=gate.origin if gate else "",
        suggest=suggest,
    )


def check_platforms(platform: str | None, all_platforms: bool, available_platforms: bool) -> None:
    """UsageError where the options about platforms contradict each other."""
    if platform and all_platforms:
        raise UsageError("--platform and --all-platforms exclude each other")
    if available_platforms and not all_platforms:
        raise UsageError("--available-platforms goes with --all-platforms")


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
    reference, way = parse(text), reach.way
    with listening(quiet=reach.quiet, verbose=reach.verbose) as listener:
        return audit_named(reference, Terms(spec, options, waivers, baseline=baseline), way, listener)


def audit_for_platforms(
    text: str, platforms: Sequence[str], spec: Spec, options: Options, reach: Reach
) -> tuple[Report, ...]:
    """One report for each platform; a saved report has the one that it was made for."""
    chosen = () if parse(text).scheme is Scheme.REPORT else platforms
    return tuple(audit_reference(text, spec, options, (), reach._replace(platform=name)) for name in chosen or (None,))


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
    reach, terms = reach or Reach(), Terms(spec, options, waivers, baseline=baseline)
    reference, way = parse(text), reach.way
    with listening(quiet=reach.quiet, verbose=reach.verbose) as listener:
        return named.audit_any(reference, terms, way, listener, all_platforms=all_platforms)


def audit_both(
    old: str, new: str, terms: Terms, old_platform: str | None, reach: Reach, *, all_platforms: bool
) -> tuple[Report, Report] | tuple[IndexReport, IndexReport]:
    """The two that are compared, of which the old may be of another platform."""
    ways = (reach._replace(platform=old_platform or reach.platform).way, reach.way)
    with listening(quiet=reach.quiet, verbose=reach.verbose) as listener:
        return named.audit_both((parse(old), parse(new)), terms, ways, listener, all_platforms=all_platforms)


def read_baseline(path: str, spec: Spec, reach: Reach) -> Baseline:
    """The saved report whose findings are accepted; UsageError where the file is not one."""
    saved = read_report(parse(path if path.startswith("report:") else f"report:{path}"))
    with listening(quiet=reach.quiet, verbose=reach.verbose) as listener:
        tell_spec(saved, spec, path, listener)
    return Baseline(saved, path)
