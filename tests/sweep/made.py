"""Small images for sweeps: a layout of several that share a base, and how a sweep of them is called."""

import json
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from auditor.cli.main import run
from auditor.sweep.job import Done, Job, Order
from auditor.sweep.one import audit_job
from tests.image.build import Layout, config, file, folder, program, tar

BASE = tar([folder("bin"), program("bin/sh", b"\x7fELF" + bytes(2000))])
OTHER = tar([folder("etc"), file("etc/os-release", "ID=other\n")])


def layout(path: Path, count: int = 4) -> tuple[str, ...]:
    """So many images on two bases in one layout; how each is named."""
    made = Layout()
    for number in range(count):
        layers = [BASE if number % 2 else OTHER, tar([file(f"own-{number}", str(number))])]
        entry = made.manifest(layers, settings=config(layers))
        made.add(entry, f"v{number}")
    made.write(path)
    return tuple(f"oci-dir:{path}:v{number}" for number in range(count))


def again(path: Path, name: str, tag: str) -> str:
    """One more tag of an image of the layout."""
    index = path / "index.json"
    document = json.loads(index.read_text())
    reference = "org.opencontainers.image.ref.name"
    entry = next(one for one in document["manifests"] if one["annotations"][reference] == name.rpartition(":")[2])
    document["manifests"].append({**entry, "annotations": {reference: tag}})
    index.write_text(json.dumps(document))
    return f"oci-dir:{path}:{tag}"


class Here:
    """Audits in this very process: for all that is not about workers."""

    def audit(self, jobs: Sequence[Job], order: Order) -> Generator[Done, None, None]:
        """One after the other."""
        return (audit_job(job, order) for job in jobs)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command without processes of its own."""
    monkeypatch.setattr("auditor.sweep.pool.Pool", lambda *_: Here())


def sweep(*words: str) -> int:
    """The command, as small as it can be."""
    return run(["sweep", "--jobs", "1", *words])
