"""The same sweep on a Dask cluster of this machine: the same lines, also where a worker is killed half-way."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.auditing.named import Way
from auditor.auditing.terms import Terms
from auditor.errors import SourceUnavailable, UsageError
from auditor.image import parse
from auditor.image.source.interface import ANONYMOUS
from auditor.spec import load_spec
from auditor.sweep import Order, Progress
from auditor.sweep import sweep as audit_all
from auditor.sweep.cluster import Cluster
from auditor.sweep.job import Job
from tests.image.servers import free_port
from tests.sweep.made import Here, layout, sweep

distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (audit-image[dask])")
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    options = {"dashboard_address": ":0", "threads_per_worker": 1, "silence_logs": 60}
    with distributed.LocalCluster(n_workers=2, processes=True, **options) as made:
        yield made


def order() -> Order:
    return Order(Terms(load_spec()), Way(access=ANONYMOUS), remember=False)


def kill_one(cluster: Any) -> None:
    """A worker of the cluster dies as a machine does; its nanny starts another."""
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)


@pytest.mark.parametrize("killed", [False, True], ids=["in peace", "a worker dies half-way"])
def test_a_cluster_gives_the_same_lines(cluster: Any, killed: bool, tmp_path: Path) -> None:
    names = (*layout(tmp_path / "images", 12), f"oci-dir:{tmp_path}/gone")
    local, remote = set[str](), set[str]()

    def listener(step: Progress) -> None:
        remote.add(step.line)
        if killed and step.number == 5:
            kill_one(cluster)

    at_home = audit_all(names, order(), Here(), listener=lambda step: local.add(step.line))
    away = audit_all(names, order(), Cluster(cluster.scheduler_address), listener=listener)
    assert away == at_home
    assert remote == local
    assert len(remote) == 13


def test_an_image_that_takes_too_long(cluster: Any, tmp_path: Path) -> None:
    (name,) = layout(tmp_path / "images", 1)
    (done,) = Cluster(cluster.scheduler_address, 0.001).audit([Job((parse(name),))], order())
    assert "took longer than 0.001 s" in done.lines[0]


def test_the_command(cluster: Any, tmp_path: Path) -> None:
    from auditor.cli.main import run  # noqa: PLC0415

    names = layout(tmp_path / "images", 2)
    files = [tmp_path / "away.jsonl", tmp_path / "home.jsonl"]
    assert run(["sweep", *names, "-q", "--scheduler", cluster.scheduler_address, "-o", f"jsonl={files[0]}"]) == 1
    assert sweep(*names, "-q", "-o", f"jsonl={files[1]}") == 1
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_cluster_that_is_not_there_or_has_no_worker() -> None:
    job = Job((parse("registry:a"),))
    with pytest.raises(SourceUnavailable, match="the scheduler does not answer"):
        next(Cluster(f"tcp://127.0.0.1:{free_port()}").audit([job], order()))
    with pytest.raises(SourceUnavailable, match="tcp://HOST:PORT"):
        next(Cluster("nonsense://a").audit([job], order()))
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=60) as empty,
        pytest.raises(UsageError, match="the cluster has no worker"),
    ):
        next(Cluster(empty.scheduler_address).audit([job], order()))
