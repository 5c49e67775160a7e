"""Why an API is not served: from what the cluster says to the one thing that is wrong and what to do about it.

The rules stand in the order in which a request would meet them; for each APIService the first that applies is the cause.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pytest_apiservice.base.network_policies import admits, number_of, selecting
from pytest_apiservice.client.api import Api
from pytest_apiservice.why import pods as causes_pods
from pytest_apiservice.why import tls as causes_tls
from pytest_apiservice.why.evidence import Evidence, Object, gather
from pytest_apiservice.why.view import Cause, View

HEALTHY = "nothing in the cluster explains it: each APIService under test is Available and its pods are ready"
NOTHING = "no release is installed in the namespaces of the tests"
UNREACHED = ("deadline exceeded", "timeout", "timed out", "connection refused", "no route", "unreachable")


@dataclass(frozen=True)
class Rule:
    """One way to fail.

    Attributes:
        judge: returns the cause, None if this is not it.
        while_available: also asked while the APIService is Available, as when a rollout hangs and old pods still answer.
    """

    judge: Callable[[View], Cause | None]
    while_available: bool = False


def explain(evidence: Evidence) -> list[Cause]:
    """Return the causes that ``evidence`` shows, for each APIService at most one; none if all is well."""
    if not evidence.namespaces and evidence.faults:
        remedy = "see the control plane's logs: did kube-apiserver or its machine end?"
        return [Cause(evidence.faults[0], "", remedy)]
    found: list[Cause] = []
    for apiservice in sorted(evidence.of("apiservices"), key=lambda a: str(a["metadata"]["name"])):
        view = View.of(apiservice, evidence)
        for rule in RULES:
            cause = rule.judge(view) if rule.while_available or not view.available else None
            if cause is not None:
                found.append(cause)
                break
    registered = {a["spec"]["service"]["namespace"] for a in evidence.of("apiservices")}
    for namespace in (n for n in evidence.namespaces if n not in registered):
        view = View.without_apiservice(namespace, evidence)
        found += [cause for rule in RULES if rule.while_available and (cause := rule.judge(view))][:1]
    return found


def first_lines(evidence: Evidence) -> list[str]:
    """Return the analysis as lines for people: the cause first, then what it was seen by, then the remedy."""
    causes = explain(evidence)
    if causes:
        return [line for cause in causes for line in cause.lines()]
    return [HEALTHY if evidence.of("apiservices") else NOTHING]


def explain_pods(api: Api, namespace: str) -> list[str]:
    """Return why the pods of ``namespace`` do not come, as lines for people: what a Helm takes as ``explain``."""
    return first_lines(gather(api, [namespace]))


def _service_missing(view: View) -> Cause | None:
    if view.service is not None:
        return None
    return view.cause(
        f"{view.name} names Service {view.service_name}, which does not exist",
        "set backend.service.name to a Service that is there, or let the chart make it (backend.create=true)",
    )


def _service_port(view: View) -> Cause | None:
    ports = [port["port"] for port in (view.service or {}).get("spec", {}).get("ports") or []]
    wanted = view.apiservice["spec"]["service"].get("port", 443)
    if wanted in ports:
        return None
    has = ", ".join(map(str, ports)) or "none"
    return view.cause(
        f"{view.name} asks for port {wanted} of Service {view.service_name}, which has port {has}",
        f"set spec.service.port of the APIService and the Service's port to the same number (now {wanted} and {has})",
    )


def _selector(view: View) -> Cause | None:
    if view.pods or not view.pods_beside:
        return None
    selector = ",".join(f"{key}={value}" for key, value in (view.selector or {}).items())
    pod = view.pods_beside[0]["metadata"]
    differing = {key: pod.get("labels", {}).get(key) for key in view.selector or {}}
    has = ", ".join(f"{key}={value}" if value else f"no {key}" for key, value in differing.items())
    return view.cause(
        f"the selector of Service {view.service_name} ({selector}) matches no pod: pod {pod['name']} has {has}",
        "make spec.selector of the Service equal to the labels of the Deployment's pods",
    )


def _no_pods(view: View) -> Cause | None:
    if view.pods or view.pods_beside:
        return None
    for deployment in view.deployments:
        where = f"Deployment {view.namespace}/{deployment['metadata']['name']}"
        if deployment["spec"].get("replicas") == 0:
            return view.cause(f"{where} is scaled to 0 replicas", "set replicas to at least 1")
        for condition in deployment.get("status", {}).get("conditions") or []:
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return view.cause(f"{where} may not make its pods: {condition.get('message')}", "see the message")
    return view.cause(f"Service {view.service_name} has no pods at all", "install the backend that it stands for")


def _target_port(view: View) -> Cause | None:
    declared = {
        port["containerPort"]: port.get("name")
        for pod in view.pods
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or []
    }
    for port in (view.service or {}).get("spec", {}).get("ports") or []:
        target = port.get("targetPort", port["port"])
        if declared and target not in declared and target not in declared.values():
            listening = ", ".join(f"{name}={number}" if name else str(number) for number, name in declared.items())
            return view.cause(
                f"Service {view.service_name} sends to targetPort {target}, where no container listens ({listening})",
                "set the Service's targetPort to the container's port",
            )
    return None


def _network_policy(view: View) -> Cause | None:
    if not any(word in view.message.lower() for word in UNREACHED):
        return None
    policies = view.evidence.of("networkpolicies", view.namespace)
    kept_out = [pod for pod in view.pods if not _admitted(view, policies, pod)]
    if not kept_out:
        return None
    found = {policy["metadata"]["name"] for pod in kept_out for policy in selecting(policies, pod)}
    return view.cause(
        f"NetworkPolicy {view.namespace}/{', '.join(sorted(found))} keeps kube-apiserver out: it selects the pods and admits no address to their port",
        "admit the control plane's addresses (networkPolicy.cidrs); pod labels do not match it, it is on the host network",
    )


def _admitted(view: View, policies: list[Object], pod: Object) -> bool:
    targets = [p.get("targetPort", p["port"]) for p in (view.service or {}).get("spec", {}).get("ports") or []]
    numbers = [number for target in targets if (number := number_of(target, pod)) is not None]
    return not numbers or any(admits(policies, pod, number, None) for number in numbers)


def _unjudged(view: View) -> Cause | None:
    if view.condition:
        return None
    return view.cause(f"{view.name} has not been judged by the aggregator yet", "wait, or see kube-apiserver's log")


def _otherwise(view: View) -> Cause | None:
    return view.cause(
        f"{view.name} is not Available for a reason that only kube-apiserver sees: {view.message}",
        "see the pods' logs and kube-apiserver's; call /readyz?verbose of a pod",
    )


RULES = (
    Rule(_service_missing),
    Rule(_service_port),
    Rule(_selector),
    Rule(_no_pods),
    Rule(causes_pods.image, while_available=True),
    Rule(causes_pods.volume, while_available=True),
    Rule(causes_pods.scheduling, while_available=True),
    Rule(causes_pods.may_not_read, while_available=True),
    Rule(causes_pods.crash, while_available=True),
    # Before readiness: a backend may call itself unready for its certificate. And while Available: until Kubernetes 1.36 the
    # availability check did not verify TLS, only requests did (v0.35.4 and v0.36.0 of k8s.io/kube-aggregator,
    # pkg/controllers/status/remote).
    Rule(causes_tls.serving, while_available=True),
    Rule(causes_pods.not_ready, while_available=True),
    Rule(_target_port),
    Rule(_network_policy),
    Rule(causes_pods.failed, while_available=True),
    Rule(_unjudged),
    Rule(_otherwise),
)
