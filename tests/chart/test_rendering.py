"""What is rendered is stable and says only what it means."""

import re

import yaml

from chart.rendered import leaves, render, text, title
from pytest_apiservice.client.helm import CHART

# Where an empty value is the meaning: https://cert-manager.io/docs/configuration/selfsigned/, a volume without options, Kubernetes' core group,
# a variable that is set to nothing.
MEANT = {"selfSigned", "emptyDir", "apiGroups", "value"}
# What Kubernetes would fill in itself: an explicit default is noise in a review, and drift where a controller drops it.
DEFAULTS = [
    ("insecureSkipTLSVerify", False),
    ("protocol", "TCP"),
    ("dnsPolicy", "ClusterFirst"),
    ("restartPolicy", "Always"),
    ("hostNetwork", False),
    ("hostUsers", True),
    ("type", "ClusterIP"),
    ("type", "RollingUpdate"),
    ("caBundle", ""),
    ("schedulerName", "default-scheduler"),
]


def test_nothing_is_null_or_empty(objects):
    """Argo CD and Flux would see a difference for ever."""
    empty = [
        (title(one), path)
        for one in objects
        for path, leaf in leaves(one)
        if leaf in (None, "", {}, []) and not MEANT.intersection(path[-2:])
    ]

    assert empty == []


def test_no_default_is_spelt_out(objects):
    """A field is rendered when it has something to say."""
    spelt = [(title(one), path) for one in objects for path, leaf in leaves(one) if (path[-1], leaf) in DEFAULTS]

    assert spelt == []


def test_pki_is_written_in_the_order_in_which_helm_prints_it():
    """By kind: so each comment is read above what it explains, in the file and in what `helm template` prints."""
    template = (CHART / "templates" / "pki.yaml").read_text()
    printed = text(show_only=("templates/pki.yaml",))

    assert re.findall(r"^kind: (\w+)", printed, re.MULTILINE) == re.findall(r"^kind: (\w+)", template, re.MULTILINE)
    assert len(re.findall(r"^# [A-Z].*\.\napiVersion:", printed, re.MULTILINE)) == 4


def test_rendering_twice_is_equal(configuration):
    """No random names, no keys made at render time, no dates."""
    assert text(configuration=configuration) == text(configuration=configuration, again=True)


def test_no_template_looks_into_the_cluster():
    """`lookup` gives nothing in Argo CD, and another render tomorrow. Random and generated values change by themselves. One only refuses: an APIService that is another's."""
    forbidden = re.compile(r"\b(lookup|rand[A-Z]\w+|gen[A-Z]\w+|now|uuidv4|Revision|IsUpgrade|IsInstall)\b")
    found = []
    for path in (CHART / "templates").rglob("*.*"):
        code = re.sub(r"{{-? /\*.*?\*/ ?-?}}", "", path.read_text(), flags=re.DOTALL)
        found += [(path.name, word) for action in re.findall(r"{{.*?}}", code) for word in forbidden.findall(action)]

    assert found == [("_validate_metrics.tpl", "lookup")]


def test_no_key_appears_twice(configuration):
    """YAML's last one would win in silence."""

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node, deep=False):
            keys = [key.value for key, _ in node.value]
            assert sorted(set(keys)) == sorted(keys), f"repeated key in {keys}"
            return super().construct_mapping(node, deep)

    list(yaml.load_all(text(configuration=configuration), Strict))


def test_helm_3_and_helm_4_render_the_same(configuration):
    """People have either."""
    three, four = (render(configuration=configuration, program=program) for program in ("helm", "helm4"))

    assert sorted(map(str, three)) == sorted(map(str, four))


def test_templates_are_short():
    """None is longer than 120 lines: the chart stays readable in one sitting."""
    long = [
        (path.name, lines)
        for path in CHART.rglob("templates/**/*")
        if path.is_file() and (lines := len(path.read_text().splitlines())) > 120
    ]

    assert long == []


def test_each_template_holds_one_kind():
    """A newcomer finds an object by its file's name. The PKI is the exception: its objects are one story."""
    wrong = []
    for path in (CHART / "templates").rglob("*.yaml"):
        kinds = [
            line.removeprefix("kind: ").lower() for line in path.read_text().splitlines() if line.startswith("kind: ")
        ]
        if path.name not in {"pki.yaml", "extraobjects.yaml"} and not (
            len(kinds) == 1 and path.name.startswith(kinds[0])
        ):
            wrong.append((path.name, kinds))

    assert wrong == []
