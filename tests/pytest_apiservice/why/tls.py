"""Why kube-apiserver does not trust the backend's certificate."""

from collections.abc import Iterator

from pytest_apiservice.why.certificates import dns_name_of, fault
from pytest_apiservice.why.collect_certificates import load_base64, short
from pytest_apiservice.why.evidence import Object
from pytest_apiservice.why.view import Cause, View

INJECTIONS = ("cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret")
UNVERIFIED = (
    "Available=True all the same: before Kubernetes 1.36 that check did not verify TLS, while requests fail with 503"
)
OPENSHIFT = "service.beta.openshift.io/inject-cabundle"


def serving(view: View) -> Cause | None:
    """Return the cause if the serving certificate would be refused."""
    spec = view.apiservice.get("spec", {})
    if not spec or spec.get("insecureSkipTLSVerify"):
        return None
    bundle = load_base64(spec.get("caBundle"))
    name = dns_name_of(spec["service"])
    for secret in serving_secrets(view):
        chain = load_base64(secret["data"]["tls.crt"])
        found = fault(chain, bundle, name)
        if found is None:
            continue
        where = f"Secret {view.namespace}/{secret['metadata']['name']}"
        if "caBundle" in found:
            summary = f"wrong trust in {view.name}: its {found} ({where})"
            return view.cause(summary, _bundle_remedy(view, where), UNVERIFIED if view.available else "")
        return view.cause(
            f"{found} ({where})", _leaf_remedy(view, secret), f"{where} is {short(chain[0])}" if chain else ""
        )
    return None


def serving_secrets(view: View) -> Iterator[Object]:
    """Yield the Secrets with a tls.crt that the pods mount."""
    templates = [deployment["spec"]["template"] for deployment in view.deployments] or view.pods
    names = {
        (volume.get("secret") or {}).get("secretName")
        for template in templates
        for volume in template["spec"].get("volumes") or []
    }
    for secret in view.evidence.of("secrets", view.namespace):
        if secret["metadata"]["name"] in names and "tls.crt" in (secret.get("data") or {}):
            yield secret


def _bundle_remedy(view: View, where: str) -> str:
    annotations = view.apiservice["metadata"].get("annotations") or {}
    for injection in INJECTIONS:
        if injection in annotations:
            return f"cert-manager's cainjector should copy it from {annotations[injection]}: is it there, and does cert-manager run?"
    if OPENSHIFT in annotations:
        return "OpenShift's service-ca operator should write it: 'oc get clusteroperator service-ca'"
    return f"set tls.caBundle to the CA that signed the certificate in {where}"


def _leaf_remedy(view: View, secret: Object) -> str:
    name = secret["metadata"]["name"]
    for certificate in view.evidence.of("certificates", view.namespace):
        if certificate["spec"].get("secretName") == name:
            return f"cert-manager should renew it: 'kubectl describe certificate -n {view.namespace} {certificate['metadata']['name']}'"
    return f"put a valid certificate for {dns_name_of(view.apiservice['spec']['service'])} into it"
