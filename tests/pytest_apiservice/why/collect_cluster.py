"""The collectors of one cluster: objects, events, logs, helm's view, certificates in words, and what its kind can tell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.cluster import Cluster, Collector
from pytest_apiservice.why.certificates import dns_name_of, fault
from pytest_apiservice.why.collect_certificates import in_words, is_ca, load_base64
from pytest_apiservice.why.evidence import Evidence, Object

DESCRIBED = "pods,deployments,replicasets,services,endpointslices"


def collectors(cluster: Cluster, evidence: Evidence) -> Iterator[Collector]:
    """Yield what there is to collect of ``cluster``, given what was read of it already."""
    yield Collector(
        "apiservices.yaml", "APIServices with their conditions", lambda _: _yaml(evidence.of("apiservices"))
    )
    yield Collector(
        "certificates.txt", "certificates in words, judged as kube-apiserver would", lambda _: certificates(evidence)
    )
    for namespace in evidence.namespaces:
        yield from _of_namespace(cluster, evidence, namespace)
    yield from cluster.collectors(evidence.namespaces)


def _of_namespace(cluster: Cluster, evidence: Evidence, namespace: str) -> Iterator[Collector]:
    kubectl = Kubectl(cluster, namespace)
    for plural in evidence.objects:
        found = evidence.of(plural, namespace)
        if found and plural != "events":
            yield Collector(f"{namespace}/{plural}.yaml", f"{len(found)} {plural}", _always(_yaml(found)))
    yield Collector(f"{namespace}/events.txt", "events, the newest last", lambda _: _events(evidence, namespace))
    yield Collector(f"{namespace}/describe.txt", f"kubectl describe {DESCRIBED}", _says(kubectl, "describe", DESCRIBED))
    for pod in evidence.of("pods", namespace):
        yield from _logs(kubectl, pod)
    releases = {_release(secret) for secret in evidence.of("secrets", namespace)} - {""}
    for release in sorted(releases):
        helm = Helm(cluster, namespace, release)
        for words in (("status",), ("history",), ("get", "manifest"), ("get", "values")):
            name = f"{namespace}/helm-{release}-{words[-1]}.txt"
            yield Collector(name, f"helm {' '.join(words)}", _says(helm, *words, release))


def _logs(kubectl: Kubectl, pod: Object) -> Iterator[Collector]:
    name = pod["metadata"]["name"]
    for container in pod.get("status", {}).get("containerStatuses") or []:
        base = f"{kubectl.namespace}/logs/{name}-{container['name']}"
        words = ("logs", name, f"--container={container['name']}", "--timestamps", "--limit-bytes=2000000")
        yield Collector(f"{base}.log", "log", _says(kubectl, *words))
        if container.get("restartCount"):
            yield Collector(f"{base}.previous.log", "log before its restart", _says(kubectl, *words, "--previous"))


def _says(program: Kubectl | Helm, *words: str) -> Callable[[Path], str]:
    return lambda _: program(*words).stdout


def _always(text: str) -> Callable[[Path], str]:
    return lambda _: text


def certificates(evidence: Evidence) -> str:
    """Return each serving certificate and caBundle in words, with the verdict on the pair."""
    parts = []
    for apiservice in evidence.of("apiservices"):
        spec, name = apiservice["spec"], apiservice["metadata"]["name"]
        bundle = load_base64(spec.get("caBundle"))
        title = f"APIService {name}: caBundle, {len(bundle)} certificate(s)"
        parts.append("\n\n".join([f"# {title}", *map(in_words, bundle)]))
        dns_name = dns_name_of(spec["service"])
        for secret in evidence.of("secrets", spec["service"]["namespace"]):
            chain = load_base64((secret.get("data") or {}).get("tls.crt"))
            if chain:
                where = f"{secret['metadata']['namespace']}/{secret['metadata']['name']}"
                verdict = fault(chain, bundle, dns_name) or f"verifies against the caBundle of {name} as {dns_name}"
                judged = [] if is_ca(chain[0]) else [f"verdict    {verdict}"]
                parts.append("\n\n".join([f"# Secret {where}: tls.crt", *map(in_words, chain), *judged]))
    return "\n\n".join(parts) + "\n"


def _yaml(objects: list[Object]) -> str:
    for item in objects:
        item.get("metadata", {}).pop("managedFields", None)
    return yaml.safe_dump_all(objects, sort_keys=False)


def _events(evidence: Evidence, namespace: str) -> str:
    def when(event: Object) -> str:
        return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp"))

    return "".join(
        f"{when(e)} {e.get('type', ''):<7} {e.get('reason', ''):<20}"
        f" {e['involvedObject'].get('kind')}/{e['involvedObject'].get('name')}: {e.get('message', '').strip()}"
        f"{_times(e)}\n"
        for e in sorted(evidence.of("events", namespace), key=when)
    )


def _times(event: Object) -> str:
    return f" ({event['count']} times)" if (event.get("count") or 1) > 1 else ""


def _release(secret: Object) -> str:
    labels = secret["metadata"].get("labels") or {}
    return str(labels.get("name", "")) if labels.get("owner") == "helm" else ""
