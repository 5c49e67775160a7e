"""cert-manager's CRDs are kept as its pinned module has them; and what make demo builds shares its compilations."""

import re
from collections import defaultdict

import keep_crds
from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.embedded.cluster import PROGRAMS
from pytest_apiservice.programs.crds import cert_manager_crds
from pytest_apiservice.programs.pinned import PROGRAMS as ALL_PROGRAMS

FAMILIES_OF_DEMO = sorted({ALL_PROGRAMS[name].family for name in (*PROGRAMS, "cert-manager", "helm")})


def test_the_kept_crds_are_the_pinned_modules():
    """The module comes from Go's proxy, verified by go.sum."""
    kept = {path.name: path.read_text() for path in cert_manager_crds().iterdir()}
    published = dict(keep_crds.published())
    assert published
    assert kept.keys() == published.keys(), "run ci/commands/keep_crds.py"
    assert [name for name in kept if kept[name] != published[name]] == [], "run ci/commands/keep_crds.py"


def test_only_descriptions_are_left_out():
    schema = {"description": "words", "properties": {"description": {"type": "string", "description": "words"}}}
    assert keep_crds._without_descriptions([schema]) == [{"properties": {"description": {"type": "string"}}}]


def test_what_make_demo_builds_has_one_version_of_each_module_it_shares():
    """Another version of one of them, and the first run compiles all that imports it twice: client-go alone is a minute."""
    versions = defaultdict(dict)
    for family in FAMILIES_OF_DEMO:
        text = (FAMILIES / family / "go.mod").read_text()
        required = dict(re.findall(r"^\s+(?:require )?(\S+) (v\S+)", text, re.MULTILINE))
        required |= {m: v for m, v in re.findall(r"^replace (\S+) => \S+ (v\S+)", text, re.MULTILINE) if m in required}
        for module, version in required.items():
            versions[module][family] = version
    shared = {module: of for module, of in versions.items() if len(of) > 1}
    differing = [f"{module}: {of}" for module, of in shared.items() if len(set(of.values())) > 1]
    assert len(shared) > 50
    assert not differing, "\n".join(["'go get MODULE@VERSION' the newest in each folder of ci/tools:", *differing])
