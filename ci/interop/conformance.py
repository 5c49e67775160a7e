"""Run upstream's own conformance tests of API machinery against the embedded cluster, as its program e2e.test.

    python ci/interop/conformance.py REPORT.xml

All that carry [sig-api-machinery] and [Conformance] run, but for those below.
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script
from pytest_apiservice.embedded.cluster import EmbeddedCluster
from pytest_apiservice.embedded.node.images import LocalImage
from pytest_apiservice.images.archive import short_name
from pytest_apiservice.programs.pinned import PROGRAMS, Program
from pytest_apiservice.programs.tools import prepare, tool

E2E = {
    "e2e.test": Program("interop/conformance", "k8s.io/kubernetes/test/e2e"),
    "agnhost": Program("interop/conformance", "k8s.io/kubernetes/test/images/agnhost"),
}
SUITE, CONFORMANCE = "[sig-api-machinery]", "[Conformance]"
TIMEOUT_SECONDS = 3600
REPLICATION = "needs the replicationcontroller controller, which the embedded cluster leaves out"
# What begins so isn't run. The controllers that are there: pytest_apiservice.embedded.control_plane.CONTROLLERS.
NOT_HERE = {
    "Aggregator": "runs etcd from its image's /usr/local/bin; tests/embedded/test_foreign_backend.py has a sample-apiserver",
    "Garbage collector should delete pods created by rc": REPLICATION,
    "Garbage collector should keep the rc around": REPLICATION,
    "Garbage collector should not delete dependents that have both valid owner": REPLICATION,
    "Garbage collector should orphan pods created by rc": REPLICATION,
    "ResourceQuota": "needs the resourcequota controller, which the embedded cluster leaves out",
}


def load_images(cluster: EmbeddedCluster) -> None:
    """Let the tests' pods run the images that they name and we can build."""
    agnhost = str(tool("agnhost"))
    local = {"agnhost": LocalImage((agnhost,)), "pause": LocalImage((agnhost, "pause"))}
    for image in run([tool("e2e.test"), "--list-images"], timeout_seconds=60).stdout.split():
        if short_name(image) in local:
            cluster.load_image(image, local[short_name(image)])


def test(cluster: EmbeddedCluster, folder: Path) -> int:
    """Run the tests and return the exit code, 0 if all passed; the report is junit_01.xml in ``folder``."""
    skipped = "|".join(re.escape(f"{SUITE} {name}") for name in NOT_HERE)
    command = [
        tool("e2e.test"),
        f"--kubeconfig={cluster.kubeconfig}",
        f"--kubectl-path={tool('kubectl')}",
        "--provider=local",
        f"--report-dir={folder}",
        f"--ginkgo.focus={re.escape(SUITE)}.*{re.escape(CONFORMANCE)}",
        f"--ginkgo.skip={skipped}",
        f"--ginkgo.timeout={TIMEOUT_SECONDS}s",
        "--ginkgo.no-color",
    ]
    return subprocess.call([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL)


def shorten(report: Path, target: Path) -> None:
    """Write the report without the thousands of tests that nobody asked for, and with the reason where one was left out.

    Raises:
        HarnessError: there is no report.
    """
    if not report.exists():
        raise HarnessError("e2e.test ended without a report: its last lines say why")
    tree = ET.parse(report)  # noqa: S314 - our own run wrote it
    for suite in tree.iter("testsuite"):
        for case in suite.findall("testcase"):
            name = case.get("name", "").removeprefix("[It] ")
            asked_for = name.startswith(SUITE) and CONFORMANCE in name
            if not asked_for and case.find("failure") is None and case.find("error") is None:
                suite.remove(case)
                continue
            case.set("name", name)
            for reason in (why for what, why in NOT_HERE.items() if name.startswith(f"{SUITE} {what}")):
                for skipped in case.iter("skipped"):
                    skipped.set("message", reason)
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    tree.write(target, encoding="unicode")


def main() -> int:
    """Start a cluster, test, and end it; return the exit code of the tests."""
    PROGRAMS.update(E2E)
    prepare(E2E)
    cluster = EmbeddedCluster()
    try:
        cluster.create()
        load_images(cluster)
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            code = test(cluster, Path(folder))
            shorten(Path(folder) / "junit_01.xml", Path(sys.argv[1]))
    finally:
        cluster.delete()
    return code


if __name__ == "__main__":
    run_script(main)
