"""What a kernel says to what is asked of it. Whatever its sources can't tell is unknown, with the reason."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from auditor.kernel.evidence import Evidence
from auditor.kernel.model import ConfigSymbol, FeatureAnswer, FeatureNeed, ModuleAnswer, ModuleNeed, Presence
from auditor.kernel.names import module_name
from auditor.kernel.version import at_least

_BUILT_IN_MODINFO = (5, 2)  # the first kernel with modules.builtin.modinfo
_MAX_DEPTH = 64  # of dependencies on dependencies


def wanted_names(needs: Iterable[FeatureNeed]) -> frozenset[str]:
    """The modules that the answers may have to look into."""
    modules = [module for need in needs for module in need.modules]
    named = [name for module in modules for name in (module.name, *(other.name for other in module.replaced_by))]
    return frozenset(module_name(name) for name in named)


def answer_features(evidence: Evidence, needs: Sequence[FeatureNeed]) -> tuple[FeatureAnswer, ...]:
    """The answers in the order of `needs`."""
    resolver = _Resolver(evidence)
    resolver.prepare(wanted_names(needs))
    answers = []
    for need in needs:
        new_enough: bool | None = True
        if need.min_version:
            new_enough = at_least(evidence.version, need.min_version) if evidence.version else None
        answers.append(FeatureAnswer(need, new_enough, tuple(resolver.answer(module) for module in need.modules)))
    return tuple(answers)


class _Provider(Struct, frozen=True):
    """Something that carries a module's work: a file, or built-in code."""

    name: str
    built_in: bool
    reason: str = ""


class _Resolver:
    """Answers about one kernel; what was found once is kept."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._loadable: dict[str, tuple[Presence, str]] = {}
        self._answers: dict[ModuleNeed, ModuleAnswer] = {}

    def prepare(self, names: Iterable[str]) -> None:
        """Read the modules of these names and what they depend on, level by level, each level at once."""
        evidence = self._evidence
        seen: set[str] = set()
        level = {name for name in names if name in evidence.modules}
        for _ in range(_MAX_DEPTH):
            if not level:
                return
            evidence.fetch(level)
            seen |= level
            depends = {dependency for name in level for dependency in evidence.modinfo(name).depends}
            level = {name for name in depends - seen if name in evidence.modules}

    def answer(self, need: ModuleNeed) -> ModuleAnswer:
        """What the kernel says to one need."""
        if need not in self._answers:
            self._answers[need] = self._answer(need)
        return self._answers[need]

    def _answer(self, need: ModuleNeed) -> ModuleAnswer:
        version = self._evidence.version
        if version and not (at_least(version, need.since) and (not need.before or not at_least(version, need.before))):
            return ModuleAnswer(need, Presence.NOT_NEEDED, reason="kernels of this version do without it")
        if need.option:
            return self._option(need)
        name = module_name(need.name)
        own = self._own(name)
        if own is not None:
            return self._provided(need, own, Presence.MODULE)
        symbol = self._symbol(need.config)
        state = self._state(symbol)
        other = self._alias(need)
        if other is not None:
            return self._provided(need, other, Presence.ALIAS)
        other = self._replacement(need)
        if other is not None:
            return self._provided(need, other, Presence.REPLACED)
        if state == "y" and not self._closed(need):
            return self._by_config(need, symbol)
        presence, reason = self._missing(need, name, symbol, state)
        return self._complete(need, presence, _Provider("", False, reason), symbol)

    def _option(self, need: ModuleNeed) -> ModuleAnswer:
        """What is no module shows in the config alone."""
        symbol = self._symbol(need.config)
        state = self._state(symbol)
        if state is None:
            reason = f"only a config would show CONFIG_{symbol}, and none was given"
            return self._complete(need, Presence.UNKNOWN, _Provider("", False, reason), symbol)
        if state == "n" or self._closed(need):
            unset = " and ".join(f"CONFIG_{entry} is not set" for entry in (*self._closed(need), symbol))
            return self._complete(need, Presence.ABSENT, _Provider("", False, unset), symbol)
        return self._complete(need, Presence.BUILT_IN, _Provider(need.name, True, f"CONFIG_{symbol}={state}"), symbol)

    def _by_config(self, need: ModuleNeed, symbol: str) -> ModuleAnswer:
        """The config says that it is built in, and no list tells as what."""
        shows = f"CONFIG_{symbol}=y"
        for other in need.replaced_by:
            if self._evidence.version and at_least(self._evidence.version, other.since):
                return self._complete(need, Presence.REPLACED, _Provider(module_name(other.name), True, shows), symbol)
        return self._complete(need, Presence.BUILT_IN, _Provider(module_name(need.name), True, shows), symbol)

    def _own(self, name: str) -> _Provider | None:
        """The module of that very name; None where no source has it."""
        evidence = self._evidence
        if name in evidence.modules:
            return _Provider(name, False)
        if evidence.built_in is not None and name in evidence.built_in:
            return _Provider(name, True)
        if name in evidence.loaded:
            return _Provider(name, False, "the running kernel has loaded it")
        return None

    def _alias(self, need: ModuleNeed) -> _Provider | None:
        """What answers to the need's name or to one of its aliases."""
        evidence = self._evidence
        for asked in (need.name, *need.aliases):
            name = module_name(asked)
            own = None if asked == need.name else self._own(name)
            if own is not None:
                return own
            shows = f"it answers to {asked}"
            for module in (module for table in evidence.aliases for module in table.modules(name)):
                own = self._own(module)
                if own is not None:
                    return _Provider(own.name, own.built_in, shows)
            for module, info in (evidence.built_in_info or {}).items():
                if name in info.aliases:
                    return _Provider(module, True, shows)
            for other in map(module_name, (entry.name for entry in need.replaced_by)):
                if other in evidence.modules and name in evidence.modinfo(other).aliases:
                    return _Provider(other, False, shows)
        return None

    def _replacement(self, need: ModuleNeed) -> _Provider | None:
        """What does the need's work under another name since a version that this kernel has reached."""
        for other in need.replaced_by:
            own = self._own(module_name(other.name))
            if own is not None and self._evidence.version and at_least(self._evidence.version, other.since):
                return _Provider(own.name, own.built_in, f"it does the work of {need.name}")
        return None

    def _provided(self, need: ModuleNeed, provider: _Provider, presence: Presence) -> ModuleAnswer:
        symbol = self._symbol(need.config)
        if provider.built_in:
            kind = Presence.BUILT_IN if presence is Presence.MODULE else presence
            return self._complete(need, kind, provider, symbol)
        if provider.name not in self._evidence.modules:  # loaded, whatever became of its file
            return self._complete(need, presence, provider, symbol)
        state, reason = self._loads(provider.name)
        if state is not Presence.MODULE:
            return self._complete(need, state, _Provider(provider.name, False, reason), symbol)
        return self._complete(need, presence, provider, symbol)

    def _complete(self, need: ModuleNeed, presence: Presence, provider: _Provider, symbol: str) -> ModuleAnswer:
        file = None if provider.built_in else self._evidence.modules.get(provider.name)
        gates = tuple(gate.name for gate in need.gates if self._applies(gate))
        return ModuleAnswer(
            need=need,
            presence=presence,
            provider=provider.name,
            built_in=provider.built_in,
            path="" if file is None else file.shown,
            compression="" if file is None else file.compression,
            reason=provider.reason,
            config=symbol,
            gates=gates,
        )

    def _loads(self, name: str) -> tuple[Presence, str]:
        """Whether a module's file is there with all that it depends on: MODULE; else ABSENT or UNKNOWN, and why."""
        worst: tuple[Presence, str] = (Presence.MODULE, "")
        seen = {name}
        left = [name]
        while left:
            current = left.pop()
            for dependency in self._evidence.modinfo(current).depends:
                if dependency in seen:
                    continue
                seen.add(dependency)
                if dependency in self._evidence.modules:
                    left.append(dependency)
                    continue
                if self._own(dependency) is not None:
                    continue
                presence, reason = self._unlisted(dependency)
                reason = f"{self._evidence.modules[name].shown} depends on {dependency}: {reason}"
                if presence is Presence.ABSENT:
                    return presence, reason
                worst = (presence, reason)
        return worst

    def _missing(self, need: ModuleNeed, name: str, symbol: str, state: str | None) -> tuple[Presence, str]:
        """What to make of a need that nothing was found for."""
        evidence = self._evidence
        if name in evidence.broken:
            return Presence.ABSENT, evidence.broken[name]
        ordered = evidence.ordered is not None and name in evidence.ordered
        closed = self._closed(need)
        if (closed or state == "n") and not ordered:
            unset = (*closed, symbol) if state == "n" else closed
            return Presence.ABSENT, " and ".join(f"CONFIG_{entry} is not set" for entry in unset)
        if state == "m":
            return self._not_shipped(f"CONFIG_{symbol}=m")
        presence, reason = self._unlisted(name)
        if presence is Presence.ABSENT and not ordered and not self._knows_aliases(need):
            return Presence.UNKNOWN, (
                "no module has this name, but without a config and with no modules.alias it isn't known "
                "whether another one answers to it"
            )
        return presence, reason

    def _unlisted(self, name: str) -> tuple[Presence, str]:
        """What the lists alone say of a module that was not found by its name."""
        evidence = self._evidence
        if name in evidence.broken:
            return Presence.ABSENT, evidence.broken[name]
        if evidence.ordered is not None and name in evidence.ordered:
            return self._not_shipped("modules.order lists it")
        if evidence.built_in is None:
            if not evidence.modules:
                return Presence.UNKNOWN, "there is a config but neither modules nor their lists"
            return Presence.UNKNOWN, "not among the modules; without modules.builtin or a config it may be built in"
        if evidence.ordered is None and not evidence.installed:
            return Presence.UNKNOWN, "without modules.order or modules.dep it may be in a package that was not given"
        return Presence.ABSENT, "it was neither built as a module nor built in"

    def _not_shipped(self, shows: str) -> tuple[Presence, str]:
        """Built as a module, and its file is not there."""
        if self._evidence.installed:
            return Presence.ABSENT, f"{shows}, but the module is not installed: a package of this kernel holds it"
        return Presence.UNKNOWN, f"{shows}, but no source holds the module: another package of this kernel may"

    def _knows_aliases(self, need: ModuleNeed) -> bool:
        """Whether something that answers to the need by another name would have been found."""
        evidence = self._evidence
        if not evidence.installed or not evidence.aliases:
            return False
        old = bool(evidence.version) and not at_least(evidence.version, _BUILT_IN_MODINFO)
        return old or evidence.built_in_info is not None or not need.aliases

    def _symbol(self, symbols: Sequence[ConfigSymbol]) -> str:
        """The symbol that builds it in this kernel: the first that the config mentions or that the version has.

        What is mentioned counts whatever the version: distributions take symbols over into older kernels.
        """
        config = self._evidence.config
        for symbol in symbols:
            if config is not None and config.mentions(symbol.name):
                return symbol.name
            if self._applies(symbol):
                return symbol.name
        return ""

    def _applies(self, symbol: ConfigSymbol) -> bool:
        version = self._evidence.version
        if not version:
            return not symbol.before
        return at_least(version, symbol.since) and (not symbol.before or not at_least(version, symbol.before))

    def _closed(self, need: ModuleNeed) -> tuple[str, ...]:
        """The gates of the need that this kernel has and that are not set."""
        config = self._evidence.config
        return tuple(
            gate.name
            for gate in need.gates
            if config is not None
            and (self._applies(gate) or config.mentions(gate.name))
            and config.state(gate.name) == "n"
        )

    def _state(self, symbol: str) -> str | None:
        config = self._evidence.config
        return config.state(symbol) if config is not None and symbol else None
