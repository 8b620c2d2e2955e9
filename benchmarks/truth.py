"""`make truth`: every program of real images, each judged by the image's own loader and by the auditor.

What the loaders say is asked once and kept beside the images, so a run that was cut short goes on where it was.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from benchmarks.paper import TRUTH, read_section, write_section
from fixtures.alpine.build import build_alpine
from fixtures.alpine.recipes import SHAPES as ALPINE
from fixtures.apt import ARCHITECTURES, SUITES
from fixtures.build import build_image, recipe_named
from fixtures.image import BuiltImage
from fixtures.oracle import oracle
from fixtures.real import REAL, build_real
from fixtures.recipe import BASE
from fixtures.recipes import RECIPES
from fixtures.redhat.build import build_redhat
from fixtures.redhat.recipes import SHAPES as RED_HAT
from fixtures.workspace import FixtureError
from tests.elf.agreement import Agreement, agreement
from tests.elf.musl_agreement import musl_agreement

#: Other machines' loaders run in an emulator: one recipe of each way to fail, unless all are asked for.
FOREIGN = ("cache-stale", "libmnl-other-machine", "libnftnl-vendor", "libpcap-deleted", "libxtables-older-wins")
_ADDRESS = re.compile(
    r"https?://\S*/|\[IP: [^]]*\]|E: Failed to fetch some archives\.|E: Some files failed to download"
)
_MANY = 6
COLUMNS = ("images", "programs", "plugins", "wrong")


@dataclass(frozen=True)
class Subject:
    """One image: the row of the table that counts it, its name, how to have it, and how to compare it."""

    row: str
    name: str
    build: Callable[[], BuiltImage]
    compare: Callable[[BuiltImage], Agreement]


@dataclass
class Row:
    """The figures of some images: how many, programs, plug-ins, disagreements."""

    figures: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, list[str]] = field(default_factory=dict)  # reason -> images

    def add(self, found: Agreement) -> None:
        """Count one image."""
        self.figures.update(images=1, programs=found.programs, plugins=found.plugins, wrong=len(found.wrong))


def main() -> int:
    """Compare, print, write docs/truth.md; 1 where the two disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--row", action="append", help="one row of the table, such as bookworm-arm64; the others stay")
    parser.add_argument(
        "--every-recipe", action="store_true", help="of other machines' images, too: hours of emulation"
    )
    options = parser.parse_args()
    rows: dict[str, Row] = {}
    for subject in subjects(every_recipe=options.every_recipe):
        if options.row and subject.row not in options.row:
            continue
        row = rows.setdefault(subject.row, Row())
        try:
            found = subject.compare(subject.build())
        except FixtureError as error:
            row.left_out.setdefault(_plain(error), []).append(subject.name)
            print(f"{subject.row} {subject.name}: left out: {error}", file=sys.stderr, flush=True)
            continue
        row.add(found)
        print(subject.row, subject.name, found.programs, found.plugins, len(found.wrong), flush=True)
        for path, told in found.wrong.items():
            print(f"{subject.row} {subject.name}: {path}: {told}", file=sys.stderr, flush=True)
    write_section(TRUTH, "truth", table(rows, read_section(TRUTH, "truth")))
    return int(any(row.figures["wrong"] for row in rows.values()))


def subjects(*, every_recipe: bool = False) -> Iterator[Subject]:
    """All that there is to compare, the quick ones first."""
    for name in REAL:
        yield Subject(name, name, partial(build_real, name), musl_agreement if "alpine" in name else _by_trace)
    for shape in ALPINE:
        yield Subject("alpine's shape", shape.name, partial(build_alpine, shape.name), musl_agreement)
    for kind in RED_HAT:
        for suite in kind.suites:
            yield Subject("red hat's shape", f"{kind.name} {suite}", partial(build_redhat, kind.name, suite), _by_trace)
    for architecture in ARCHITECTURES:
        recipes = RECIPES if every_recipe or architecture == ARCHITECTURES[0] else FOREIGN
        for suite in SUITES:
            for recipe in (BASE.name, *recipes):
                if not recipe_named(recipe).obstacle(suite, architecture):
                    build = partial(build_image, suite, architecture, recipe)
                    yield Subject(f"{suite}-{architecture}", recipe, build, _by_trace)


def _plain(error: FixtureError) -> str:
    """The reason without what belongs to one machine: its mirror's name and address."""
    return " ".join(_ADDRESS.sub("", str(error)).split())


def _by_trace(image: BuiltImage) -> Agreement:
    """An image whose loader is glibc's: by `ldd` and `ldd -r`."""
    return agreement(image, oracle(image))


def written(text: str) -> dict[str, str]:
    """The lines of a table that was written before, by the row's name."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| images", "| all"))]
    return {line.split("|")[1].strip(): line for line in lines if line.count("|") == len(COLUMNS) + 3}


def table(rows: dict[str, Row], before: str) -> str:
    """The figures: of these rows, and as they were `before` of the others; what was left out, with the reason."""
    lines = written(before) | {name: _line(name, row) for name, row in rows.items()}
    names = [name for name in dict.fromkeys(subject.row for subject in subjects()) if name in lines]
    total = Row()
    for name in names:
        total.figures.update(dict(zip(COLUMNS, map(int, lines[name].split("|")[2:6]), strict=True)))
    head = ["| images of | images | programs compared | plug-ins compared | disagreements | |", "|--|--|--|--|--|--|"]
    return "\n".join([*head, *(lines[name] for name in names), _line("all", total)])


def _line(name: str, row: Row) -> str:
    figures = " | ".join(str(row.figures[column]) for column in COLUMNS)
    left_out = "; ".join(f"left out: {_few(images)} ({reason})" for reason, images in row.left_out.items())
    return f"| {name} | {figures} | {left_out} |".replace("|  |", "| |")


def _few(images: list[str]) -> str:
    return ", ".join(images) if len(images) < _MANY else f"{len(images)} images"


if __name__ == "__main__":
    sys.exit(main())
