"""Metrics APIs: what is registered, which rights that takes, and what the multiplexer is told."""

import json

import pytest

from chart.rendered import environment, of_kind, only, pod_specs, render
from chart.test_notes import notes  # noqa: F401 - a fixture
from chart.test_refusals import CA, refusal

ALONE = {"apiService": {"enabled": False}}
DELEGATION = {"delegation": {"authentication": True, "authorization": True}}
ASKED = {"name": "keda", "url": "https://keda.keda.svc"}
RESOURCE = {"apiGroups": ["metrics.k8s.io"], "resources": ["nodes", "pods"], "verbs": ["get", "list"]}


def metrics(*apis, enabled=False, **more):
    """Return values of a release with these APIs."""
    return {"apiService": {"enabled": enabled}, "metrics": {"apis": list(apis), **more}}


def mux(*providers, routes=(), apis=("external",), **values):
    """Return values of a multiplexer."""
    return {
        **ALONE,
        "metrics": {
            "apis": list(apis),
            "mux": {"enabled": True, "providers": list(providers or [ASKED]), "routes": list(routes)},
        },
        **values,
    }


def registered(values):
    """Return the names of the APIServices."""
    return {one["metadata"]["name"] for one in of_kind(render(values), "APIService")}


def role(objects, suffix):
    """Return the rules of the ClusterRole of this name, if it is there."""
    roles = of_kind(objects, "ClusterRole")
    return next((one["rules"] for one in roles if one["metadata"]["name"].endswith(f":{suffix}")), None)


@pytest.mark.parametrize(
    ("apis", "names"),
    [
        (["external"], {"v1beta1.external.metrics.k8s.io"}),
        (["custom"], {"v1beta1.custom.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io"}),
        (["resource"], {"v1beta1.metrics.k8s.io"}),
    ],
)
def test_each_api_is_registered_besides_the_own_group_or_without_it(apis, names):
    assert registered(metrics(*apis)) == names
    assert registered(metrics(*apis, enabled=True)) == {*names, "v1.cats.example.com"}


def test_kubectl_get_pods_never_means_metrics():
    """Kubernetes' own groups stand above: metrics.k8s.io has resources that are called pods and nodes."""
    priorities = {
        one["spec"]["groupPriorityMinimum"]
        for one in of_kind(render(metrics("external", "custom", "resource")), "APIService")
    }

    assert priorities == {100}


def test_a_provider_behind_a_multiplexer_registers_its_own_group_alone():
    """Its `helm test` then looks at that, and isn't there if there is none."""
    behind = {**metrics("external", register=False, enabled=True), **DELEGATION}
    alone = render({**metrics("external", register=False), **DELEGATION})
    told = environment(only(render(behind), "Pod")["spec"]["containers"][0])

    assert registered(behind) == {"v1.cats.example.com"}
    assert of_kind(alone, "APIService", "Pod") == []
    assert "EXTENSION_APISERVER_METRICS_APIS" not in told


def test_all_are_verified_as_the_own_group_is():
    """By the CA of this release, at the same Service."""
    ways = [
        (one["metadata"]["annotations"], one["spec"]["service"])
        for one in of_kind(render(metrics("external", "custom", "resource", enabled=True)), "APIService")
    ]

    assert len(ways) == 5
    assert all(way == ways[0] for way in ways)


def test_without_a_group_of_its_own_the_backend_is_told_of_none():
    [(_, _, pod)] = pod_specs(of_kind(render(metrics("external")), "Deployment"))
    told = environment(pod["containers"][0])

    assert (told["EXTENSION_APISERVER_METRICS_APIS"], told["EXTENSION_APISERVER_VERSIONS"]) == ("external", "")
    assert "EXTENSION_APISERVER_GROUP" not in told


def test_backend_may_list_what_its_metrics_are_about_and_no_more():
    objects = ["pods", "services", "deployments.apps", "ingresses.networking.k8s.io"]

    assert role(render(metrics("external", objects=objects)), "metrics-objects") is None
    assert role(render(metrics("custom")), "metrics-objects") == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    ]
    assert role(render(metrics("custom", objects=objects)), "metrics-objects") == [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["list"]},
    ]
    assert role(render(metrics("resource", objects=[])), "metrics-objects") == [
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["list"]}
    ]


def test_who_may_view_may_kubectl_top():
    """As with metrics-server; the other two are for controllers, whose roles Kubernetes brings."""
    assert role(render(metrics("external", "custom", "resource")), "view") == [RESOURCE]
    assert role(render(metrics("external", "custom")), "view") is None
    assert RESOURCE in role(render(metrics("resource", enabled=True)), "view")


def test_multiplexer_may_ask_for_metrics_and_the_rest_may_not():
    objects = render(mux(apis=["external", "custom"]))

    assert role(objects, "metrics-mux") == [
        {
            "apiGroups": ["external.metrics.k8s.io", "custom.metrics.k8s.io"],
            "resources": ["*"],
            "verbs": ["get", "list"],
        }
    ]
    assert role(objects, "metrics-objects") is None
    assert role(render(metrics("external")), "metrics-mux") is None


def test_multiplexer_is_told_what_the_values_say():
    """Each provider's CA is a file of the same folder, from a PEM, a Secret or a ConfigMap."""
    providers = [
        {**ASKED, "tls": {"ca": CA, "serverName": "keda"}, "breaker": {"failures": 3}},
        {"name": "ours", "url": "https://ours.{{ .Release.Namespace }}.svc", "tls": {"caSecretName": "ours"}},
        {**ASKED, "name": "cloud", "tls": {"caConfigMapName": "cas", "caKey": "cloud.crt"}, "timeoutSeconds": 0.5},
        {**ASKED, "name": "public"},
    ]
    routes = [{"metric": "s0-*", "provider": "keda"}]
    objects = render(mux(*providers, routes=routes))
    [(_, _, pod)] = pod_specs(of_kind(objects, "Deployment"))
    [container] = pod["containers"]
    files = only(objects, "ConfigMap")["data"]
    told = json.loads(files["mux.json"])
    [volume] = [one for one in pod["volumes"] if one["name"] == "metrics-mux"]
    folder = "/etc/extension-apiserver"

    assert (*container["command"], *container["args"]) == (
        *("python3", "-m", "extension_apiserver", "metrics-mux", "--config"),
        f"{folder}/mux.json",
    )
    assert {"name": "metrics-mux", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
    assert (told["apis"], told["routes"]) == (["external"], routes)
    assert told["providers"] == [
        {**ASKED, "tls": {"caFile": f"{folder}/provider-0-ca.crt", "serverName": "keda"}, "breaker": {"failures": 3}},
        {"name": "ours", "url": "https://ours.apps.svc", "tls": {"caFile": f"{folder}/provider-1-ca.crt"}},
        {**ASKED, "name": "cloud", "tls": {"caFile": f"{folder}/provider-2-ca.crt"}, "timeoutSeconds": 0.5},
        {**ASKED, "name": "public"},
    ]
    assert files["provider-0-ca.crt"] == CA
    assert volume["projected"]["sources"] == [
        {"configMap": {"name": "header-echo-metrics-mux"}},
        {"secret": {"name": "ours", "items": [{"key": "ca.crt", "path": "provider-1-ca.crt"}]}},
        {"configMap": {"name": "cas", "items": [{"key": "cloud.crt", "path": "provider-2-ca.crt"}]}},
    ]


def test_a_changed_configuration_is_rolled_out():
    """The multiplexer reads it once."""

    def sum_of(values):
        template = only(render(values), "Deployment")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/metrics-mux"]

    assert sum_of(mux()) != sum_of(mux({**ASKED, "timeoutSeconds": 1}))


def test_who_scales_is_warned_when_any_api_is_away():
    """One alert for each APIService."""
    rule = only(render({**metrics("custom"), "prometheusRule": {"enabled": True}}), "PrometheusRule")
    named = {one["labels"].get("apiservice") for one in rule["spec"]["groups"][0]["rules"]} - {None}

    assert named == {"v1beta1.custom.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io"}


def test_helm_test_may_read_every_registration():
    rules = role(render(metrics("custom", "resource")), "test")

    assert rules[0]["resourceNames"] == [
        "v1beta2.custom.metrics.k8s.io",
        "v1beta1.custom.metrics.k8s.io",
        "v1beta1.metrics.k8s.io",
    ]
    assert RESOURCE in rules


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (ALONE, "the release would serve nothing: list external, custom or resource in metrics.apis, or set"),
        (
            {**metrics("external"), "gateway": {"enabled": True, "upstream": "http://cats"}},
            "gateway.enabled is true, but apiService.enabled is false",
        ),
        (
            {**metrics("external", enabled=True), "gateway": {"enabled": True, "upstream": "http://cats"}},
            "the gateway has no functions that know metrics: install these as a release of their own",
        ),
        ({**metrics("external"), "anonymous": {"enabled": True}}, "anonymous.enabled is true, but apiService.enabled"),
        (
            {"apiService": {"group": "custom.metrics.k8s.io"}, "metrics": {"apis": ["custom"]}},
            "apiService.group is 'custom.metrics.k8s.io', which is in metrics.apis too: choose a group of your own",
        ),
        (metrics("custom", objects=["secrets"]), "metrics.objects lists 'secrets', and who may list Secrets may read"),
        (
            {"metrics": {"mux": {"providers": [ASKED]}}},
            "metrics.mux.providers is set, but metrics.mux.enabled is false",
        ),
        (
            {"metrics": {"mux": {"routes": [{"provider": "x"}]}}},
            "metrics.mux.routes is set, but metrics.mux.enabled is false",
        ),
        (
            {**ALONE, "metrics": {"apis": ["external"], "mux": {"enabled": True}}},
            "set metrics.mux.providers to those who know the metrics",
        ),
        (metrics("external", register=False), "it is known by its token: set delegation.authentication and delegation"),
        (mux(metrics={**mux()["metrics"], "register": False}), "set it to true, or apiService.create to false until"),
        (mux(apis=()), "set metrics.apis to what it stands for, external, custom or both"),
        (mux(apis=["external", "resource"]), "no multiplexer stands for metrics.k8s.io, which has one number for each"),
        (mux(apiService={"enabled": True}), "the multiplexer has no group of its own: set apiService.enabled to false"),
        (mux(backend={"create": False, "service": {"name": "cats"}}), "so there is no pod for it"),
        (mux(args=["serve"]), "args and metrics.mux.enabled are both set"),
        (mux(ASKED, ASKED), "metrics.mux.providers[1].name is 'keda', as that of another"),
        (mux({**ASKED, "url": "http://keda.keda.svc"}), "must be https://<service>.<namespace>.svc, with or without a"),
        (mux({**ASKED, "url": "https://tom:secret@keda.keda.svc"}), "is 'https://***@keda.keda.svc' and must be"),
        (mux({**ASKED, "url": "https://keda.keda.svc/path"}), "must be https://<service>.<namespace>.svc"),
        (mux({**ASKED, "url": "https://header-echo.apps.svc:443"}), "the multiplexer itself, which would ask itself"),
        (mux({**ASKED, "tls": {"ca": CA, "caSecretName": "x"}}), "tls has more than one of ca, caSecretName and"),
        (mux({**ASKED, "tls": {"ca": "MIIB"}}), "metrics.mux.providers[0].tls.ca must hold certificates in PEM"),
        (mux(routes=[{"provider": "keda"}]), "metrics.mux.routes[0] must say metric, namespace or labels; for all"),
        (mux({**ASKED, "apis": ["custom"]}), "apis lists 'custom', which metrics.apis lacks, so it would never be"),
        (
            mux(routes=[{"metric": "*", "provider": "dog"}]),
            "metrics.mux.routes[0].provider is 'dog', but no entry of metrics.mux.providers has this name: add one, or choose one of keda",
        ),
    ],
)
def test_what_cannot_work_is_refused(values, sentence):
    assert sentence in refusal(values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (metrics("pods"), "at '/metrics/apis/0': value must be one of 'external', 'custom', 'resource'"),
        (metrics("external", "external"), "at '/metrics/apis'"),
        (metrics("custom", objects=["*"]), "at '/metrics/objects/0': '*' does not match pattern"),
        (mux({"name": "keda"}), "at '/metrics/mux/providers/0': missing property 'url'"),
        (mux({**ASKED, "timeout": 5}), "additional properties 'timeout' not allowed"),
        (mux({**ASKED, "timeoutSeconds": 0}), "at '/metrics/mux/providers/0/timeoutSeconds'"),
        (mux({**ASKED, "tokenFile": "token"}), "at '/metrics/mux/providers/0/tokenFile'"),
        (mux(routes=[{"metric": "s0-*"}]), "at '/metrics/mux/routes/0': missing property 'provider'"),
    ],
)
def test_schema_names_the_place(values, sentence):
    assert sentence in refusal(values)


def test_notes_wait_for_all_and_show_each(notes):  # noqa: F811 - the fixture
    """As they can be pasted."""
    words = notes(metrics("external", "resource"))

    assert "external.metrics.k8s.io and metrics.k8s.io are registered" in words
    assert (
        "kubectl wait --for=condition=Available --timeout=2m apiservice/v1beta1.external.metrics.k8s.io apiservice/v1beta1.metrics.k8s.io && kubectl get --raw /apis/external.metrics.k8s.io/v1beta1\n"
        in words
    )
    assert "  kubectl top pods --all-namespaces\n" in words
    assert "kubectl top" not in notes(metrics("external"))
    assert "-- python3 -m extension_apiserver doctor --config /etc/extension-apiserver/mux.json" in notes(mux())


def test_notes_tell_a_provider_how_the_multiplexer_reaches_it(notes):  # noqa: F811 - the fixture
    words = notes({**metrics("external", register=False), **DELEGATION})

    assert "metrics.register is false: nothing is registered." in words
    assert (
        "Its URL is https://header-echo.apps.svc, its CA ca.crt of Secret header-echo-serving in namespace apps."
        in words
    )
