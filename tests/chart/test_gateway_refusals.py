"""A gateway that couldn't work, or would let others claim to be anybody, is refused with one sentence and its remedy."""

import pytest

from chart.rendered import render
from chart.test_gateway import CA, GIVEN, PET, TOKEN
from chart.test_refusals import refusal

SIDE = {"extraContainers": [{"name": "pets"}]}
SOCKET = {"volumeMounts": [{"name": "socket", "mountPath": "/run/pets"}]}
LOCAL = {"upstream": "http://127.0.0.1:8000"}
ELSEWHERE = {"upstream": "https://pets.zoo:8443"}
ASKS = {"delegation": {"authorization": True}}


def values(gateway=None, **more):
    return {"gateway": {"enabled": True, "upstream": "http://pets"} | (gateway or {}), **more}


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (values({"upstream": ""}), "set gateway.upstream to the URL of the service that shall answer"),
        (values({"enabled": False}), "gateway.upstream is set, but gateway.enabled is false"),
        (
            values({"enabled": False, "upstream": "", "upstreams": [{"url": "http://pets"}]}),
            "gateway.upstreams is set, but gateway.enabled is false",
        ),
        (values(backend={"create": False, "service": {"name": "pets"}}), "there is no pod for the gateway"),
        (values(command=["pets"]), "command and gateway.enabled are both set, but the container's command is then the"),
        (values(args=["pets"]), "remove args; a program of your own goes into extraContainers, with gateway.sidecar"),
    ],
)
def test_half_a_gateway_is_refused(chosen, sentence):
    assert sentence in refusal(chosen)


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (values(LOCAL | {"sidecar": True}), "gateway.sidecar is true, but extraContainers is empty"),
        (
            values({"sidecar": True}, **SIDE),
            "gateway.sidecar is true, but gateway.upstream is 'http://pets', which isn't in the same pod: set it to http://127.0.0.1:<port> or unix:///<path>",
        ),
        (values(LOCAL), "in the gateway's pod nobody else listens: set gateway.sidecar to true"),
        (values({"upstream": "http://localhost"}), "nobody else listens"),
        (values({"upstream": "http://127.9.9.9"}), "nobody else listens"),
        (values({"upstream": "http://[::1]"}), "nobody else listens"),
        (
            values({"upstream": "unix:///run/pets/http.sock", "sidecar": True}, **SIDE),
            "no entry of volumeMounts has its folder, so nobody could make that socket: mount a volume of volumes (an emptyDir) there",
        ),
        (
            values({"upstream": "unix:///run/petshop/http.sock", "sidecar": True}, **SIDE, **SOCKET),
            "no entry of volumeMounts has its folder",
        ),
        (
            values({"upstreams": [{"url": "http://127.0.0.1:8000", "segment": "a"}]}),
            "gateway.upstreams[0].url is 'http://127.0.0.1:8000', but in the gateway's pod nobody else listens",
        ),
        (
            values(LOCAL | {"sidecar": True}, **SIDE, hostNetwork=True, port=10443),
            "hostNetwork is true, so every program of the node reaches it and can claim to be anybody: use a Unix socket, or set gateway.token.enabled",
        ),
    ],
)
def test_a_service_beside_the_gateway_that_is_not_there_is_refused(chosen, sentence):
    assert sentence in refusal(chosen)


def test_a_service_beside_the_gateway_needs_nothing_else():
    """On loopback or a socket nobody else can speak to it."""
    socket = {"upstream": "unix:///run/pets/http.sock", "sidecar": True}

    assert render(values(LOCAL | {"sidecar": True}, **SIDE))
    assert render(values(socket, **SIDE, **SOCKET))


OWN = [
    "http://pets",
    "https://PETS:8443",
    "http://pets.apps",
    "http://pets.apps.svc",
    "http://pets.apps.svc.cluster.local/a",
]


@pytest.mark.parametrize("url", OWN)
def test_a_service_of_the_releases_namespace_needs_no_proof(url):
    assert render(values({"upstream": url}))


@pytest.mark.parametrize(
    "url",
    [
        *("http://pets.zoo", "http://pets.zoo.svc", "http://pets.zoo.svc.cluster.local", "http://pets.example.com"),
        # Ends that only look like the release's namespace.
        *(
            "http://pets.apps.example.com",
            "http://pets.apps.svc.example.com",
            "http://a.pets.apps.svc",
            "http://pets.apps.",
        ),
        *("http://10.0.0.1", "http://[fd00::1]", "http://7pets"),
    ],
)
def test_what_may_be_elsewhere_is_refused_without_a_proof(url):
    """The sentence says what each of the three remedies does."""
    words = refusal(values({"upstream": url}))

    assert (
        f"gateway.upstream is '{url}', which the chart can't tell to be a Service of namespace 'apps' (<name>, <name>.apps or <name>.apps.svc): whoever else reaches it can claim to be anybody. Set"
        in words
    )
    assert "gateway.token.enabled (each request carries a signed token with its user, which the upstream must" in words
    assert (
        "gateway.tls.clientSecretName (the gateway shows a client certificate, which the upstream must demand)" in words
    )
    assert "gateway.trustNetwork (you know that nothing but the gateway reaches it, by a NetworkPolicy or" in words


@pytest.mark.parametrize("proof", [{"token": TOKEN}, {"tls": {"clientSecretName": "pair"}}, {"trustNetwork": True}])
def test_each_proof_is_enough(proof):
    assert render(values(ELSEWHERE | proof))


def test_each_upstream_needs_its_own_proof():
    """A trusted network to one says nothing of the way to another; a token goes to all."""
    other = {"url": "http://orders.zoo", "segment": "orders"}

    words = refusal(values({"trustNetwork": True, "upstreams": [other]}))
    assert "gateway.upstreams[0].url is 'http://orders.zoo'" in words
    assert "gateway.upstreams[0].trustNetwork (you know" in words
    assert render(values({"upstreams": [other | {"trustNetwork": True}]}))
    assert render(values({"token": TOKEN, "upstreams": [other]}))


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (values({"token": {"enabled": True}}), "set gateway.token.audience to a word that the upstream demands"),
        (
            values({"token": TOKEN}, tls=GIVEN),
            "tls.mode 'secret' has no cert-manager that would make the key: set gateway.token.secretName to a Secret in namespace 'apps' with an ECDSA P-256 key (PEM) as tls.key",
        ),
        (
            values({"tls": {"caSecretName": "ca", "serverName": "pets"}}),
            "gateway.tls.caSecretName and gateway.tls.serverName are set, but gateway.upstream is 'http://pets', which has no TLS: make it https://, or remove them",
        ),
        (values({"tls": {"ca": CA}}), "gateway.tls.ca is set, but gateway.upstream is 'http://pets', which has no TLS"),
        (values(ELSEWHERE | {"tls": {"ca": CA, "caSecretName": "ca"}}), "exclude each other, because each says whom"),
        (values(ELSEWHERE | {"tls": {"ca": "MIIB"}}), "gateway.tls.ca must hold certificates in PEM"),
        (
            values(ELSEWHERE | {"tls": {"ca": CA + "-----BEGIN PRIVATE KEY-----"}}),
            "never a private key, because anybody",
        ),
    ],
)
def test_a_proof_that_proves_nothing_is_refused(chosen, sentence):
    assert sentence in refusal(chosen)


@pytest.mark.parametrize(
    ("identity", "sentence"),
    [
        ({"userHeader": "Host"}, "gateway.identity.userHeader is 'Host', which means something else already"),
        (
            {"groupHeader": "authorization"},
            "gateway.identity.groupHeader is 'authorization', which means something else",
        ),
        ({"uidHeader": "X-Forwarded-For"}, "choose another, such as X-Remote-User"),
        (
            {"userHeader": "xremote-group"},
            "gateway.identity.userHeader and gateway.identity.groupHeader are one header, 'xremote-group', and many programs don't see its dashes",
        ),
        (
            {"extraHeaderPrefix": "x-remote-"},
            "could pass for the header X-Remote-Group: choose another, such as X-Remote-",
        ),
        ({"extraHeaderPrefix": "Author-"}, "could pass for the header Authorization"),
        ({"extraHeaderPrefix": "Content-"}, "could pass for the header content-length"),
    ],
)
def test_headers_with_two_meanings_are_refused(identity, sentence):
    assert sentence in refusal(values({"identity": identity}))


def test_the_token_needs_a_header_of_its_own():
    assert "gateway.token.header and gateway.identity.userHeader are one header, 'X-Remote-User'" in refusal(
        values({"token": TOKEN | {"header": "X-Remote-User"}})
    )
    assert "gateway.token.header is 'Cookie'" in refusal(values({"token": TOKEN | {"header": "Cookie"}}))


def test_headers_may_be_left_out():
    """Two that aren't sent are not one."""
    assert render(
        values({"identity": dict.fromkeys(("userHeader", "groupHeader", "uidHeader", "extraHeaderPrefix"), "")})
    )


@pytest.mark.parametrize(
    ("upstreams", "sentence"),
    [
        (
            [{"url": "http://a"}],
            "gateway.upstreams[0] answers for the same version and segment as gateway.upstream, so it would never be asked",
        ),
        (
            [
                {"url": "http://a", "segment": "a", "version": "v1"},
                {"url": "http://b", "segment": "a", "version": "v1"},
            ],
            "gateway.upstreams[1] answers for the same version and segment as gateway.upstreams[0]",
        ),
        (
            [{"url": "http://a", "version": "v2"}],
            "gateway.upstreams[0].version is 'v2', which apiService.versions lacks, so it would never be asked: add it there, or choose one of v1",
        ),
    ],
)
def test_an_upstream_that_nobody_would_ask_is_refused(upstreams, sentence):
    assert sentence in refusal(values({"upstreams": upstreams}))


def test_upstreams_may_share_a_version_or_a_segment():
    """The most specific one answers."""
    places = [{"segment": "a"}, {"version": "v1"}, {"segment": "a", "version": "v1"}, {"segment": "b", "version": "v1"}]

    assert render(values({"upstreams": [{"url": "http://a", **place} for place in places]}))


ROW = {"path": "/pets", "resource": "pets", "verb": "get"}


@pytest.mark.parametrize(
    ("gateway", "sentence"),
    [
        ({"access": [ROW]}, "may not ask the API server who has these rights: set delegation.authorization to true"),
        (
            {"access": [ROW | {"path": "/a/../b"}]},
            "gateway.access[0].path is '/a/../b', but no request with '.' or '..'",
        ),
        (
            {"access": [ROW | {"path": "/{name}/{name}"}]},
            "which of the two it would be isn't clear: write '*' for one of",
        ),
        ({"audit": {"bodies": [{"path": "/.."}]}}, "gateway.audit.bodies[0].path is '/..'"),
        (
            {"upstreams": [{"url": "http://a", "segment": "proxy"}]},
            "gateway.upstreams[0].segment is 'proxy', which means",
        ),
        (
            {"resources": [PET, PET]},
            "gateway.resources[1] and gateway.resources[0] are both called 'pets', so kubectl couldn't",
        ),
        ({"resources": [PET, PET | {"kind": "Cat", "plural": "cats", "shortNames": ["pet"]}]}, "are both called 'pet'"),
        ({"resources": [PET | {"kind": "Status"}]}, "gateway.resources[0].kind is 'Status', which every API has"),
        (
            {"resources": [{"kind": "Pet", "fields": {"name": "id"}}]},
            "gateway.resources[0] can do nothing: give it at least",
        ),
        ({"resources": [PET | {"create": {"path": "/pets/{name}"}}]}, "and can't hold {name}, since there is none yet"),
        ({"resources": [PET | {"list": {"path": "/{namespace}"}}]}, "is only for a resource with namespaced: true"),
        (
            {"resources": [PET | {"namespaced": True}]},
            "must hold {namespace}, or fields.namespace say where an item has",
        ),
        (
            {"resources": [PET | {"fields": {"name": "id", "namespace": "zoo"}}]},
            "fields.namespace is 'zoo', but only a",
        ),
        ({"resources": [PET, PET | {"plural": "animals"}]}, "are both called 'Pet', so"),
        ({"resources": [PET | {"plural": "proxy"}]}, "would be called 'proxy', a word that kube-apiserver reads as"),
        (
            {"resources": [PET | {"upstream": "a"}]},
            "gateway.resources[0].upstream is 'a', but no entry of gateway.upstreams has this segment",
        ),
        (
            {"resources": [PET | {"get": {"path": "/pets"}}]},
            "gateway.resources[0].get.path is '/pets' and must hold {name}",
        ),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(gateway, sentence):
    assert sentence in refusal(values(gateway))


@pytest.mark.parametrize(
    ("gateway", "sentence"),
    [
        ({"upstrem": "http://pets"}, "additional properties 'upstrem' not allowed"),
        ({"prefix": "cut"}, "at '/gateway/prefix': value must be one of 'strip', 'keep'"),
        ({"readinessPath": "healthz"}, "at '/gateway/readinessPath': 'healthz' does not match pattern"),
        ({"limits": {"connections": 0}}, "at '/gateway/limits/connections': minimum: got 0, want 1"),
        ({"limits": {"answerSeconds": 0}}, "at '/gateway/limits/answerSeconds': exclusiveMinimum: got 0, want 0"),
        ({"upstreams": [{"segment": "a"}]}, "at '/gateway/upstreams/0': missing property 'url'"),
        (
            {"identity": {"extraHeaderPrefix": "X-Extra"}},
            "at '/gateway/identity/extraHeaderPrefix': 'X-Extra' does not",
        ),
        ({"identity": {"groupSeparator": ":"}}, "at '/gateway/identity/groupSeparator': ':' does not match pattern"),
        ({"upstreams": [{"url": "http://a", "segment": "a/b"}]}, "at '/gateway/upstreams/0/segment'"),
        (
            {"identity": {"userHeader": "X_Remote_User"}},
            "at '/gateway/identity/userHeader': 'X_Remote_User' does not match",
        ),
        ({"identity": {"userHeader": "X-Remote: User"}}, "at '/gateway/identity/userHeader'"),
        ({"token": {"lifetimeSeconds": 61}}, "at '/gateway/token/lifetimeSeconds': maximum: got 61, want 60"),
        ({"resources": [{"list": {"path": "/pets"}, "fields": {"name": "id"}}]}, "missing property 'kind'"),
        ({"resources": [PET | {"lists": {"path": "/pets"}}]}, "additional properties 'lists' not allowed"),
        ({"resources": [{"kind": "Pet", "list": {"path": "/pets"}}]}, "missing property 'fields'"),
        ({"resources": [PET | {"kind": "pet"}]}, "at '/gateway/resources/0/kind': 'pet' does not match pattern"),
        ({"resources": [PET | {"list": {"path": "pets"}}]}, "at '/gateway/resources/0/list/path'"),
        ({"access": [{"path": "/pets"}]}, "at '/gateway/access/0': missing properties 'resource', 'verb'"),
        ({"access": [ROW | {"verb": "*"}]}, "at '/gateway/access/0/verb': '*' does not match pattern"),
        ({"access": [ROW | {"resource": "*"}]}, "at '/gateway/access/0/resource': '*' does not match pattern"),
        (
            {"access": [ROW | {"path": "/**/visits"}]},
            "at '/gateway/access/0/path': '/**/visits' does not match pattern",
        ),
        (
            {"access": [ROW | {"path": "/pets/{id}"}]},
            "at '/gateway/access/0/path': '/pets/{id}' does not match pattern",
        ),
        ({"access": [ROW | {"path": "/"}]}, "at '/gateway/access/0/path': '/' does not match pattern"),
        ({"access": [ROW | {"methods": ["get"]}]}, "at '/gateway/access/0/methods/0': 'get' does not match pattern"),
        (
            {"audit": {"bodies": [{"path": "/a", "mostBytes": 0}]}},
            "at '/gateway/audit/bodies/0/mostBytes': minimum: got 0",
        ),
    ],
)
def test_schema_names_the_place(gateway, sentence):
    assert sentence in refusal(values(gateway, **ASKS))


@pytest.mark.parametrize(
    "path", ["/**", "/pets", "/pets/*", "/pets/{name}/visits/**", "/{namespace}/{name}", "/a.b/c~d"]
)
def test_schema_takes_every_pattern_of_a_path(path):
    assert render(values({"access": [ROW | {"path": path}]}, **ASKS))


def test_all_faults_of_the_gateway_are_told_at_once():
    words = refusal(values(ELSEWHERE | {"access": [ROW], "upstreams": [{"url": "pets"}]}, args=["serve"]))

    assert len([line for line in words.splitlines() if line.strip().startswith("- ")]) == 5, words
