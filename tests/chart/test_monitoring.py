"""Metrics are scraped with verified TLS, and alerts name this registration."""

import re

from chart.rendered import environment, only, render

DELEGATION = {"authentication": True, "authorization": True}
# Of kube-apiserver: https://kubernetes.io/docs/reference/instrumenting/metrics/
OF_KUBE_APISERVER = {"aggregator_unavailable_apiservice"}


def endpoint(values=None, configuration="monitoring"):
    values = {"serviceMonitor": {"enabled": True}, "delegation": DELEGATION} | (values or {})
    [found] = only(render(values, configuration=configuration), "ServiceMonitor")["spec"]["endpoints"]
    return found


def rules(values=None, configuration="monitoring"):
    groups = only(render(values, configuration=configuration), "PrometheusRule")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_scraping_verifies_the_certificate():
    """By the name on it, with the CA of its Secret."""
    expected = {
        "serverName": "header-echo.apps.svc",
        "ca": {"secret": {"name": "header-echo-serving", "key": "ca.crt"}},
    }

    assert expected == endpoint()["tlsConfig"]


def test_scraping_on_openshift_uses_its_ca():
    """service-ca writes no ca.crt, but a ConfigMap into every namespace."""
    assert endpoint(configuration="openshift")["tlsConfig"]["ca"] == {
        "configMap": {"name": "openshift-service-ca.crt", "key": "service-ca.crt"}
    }


def test_scraping_skips_verification_only_in_mode_insecure():
    """Everywhere else somebody knows the CA."""
    assert endpoint(configuration="insecure")["tlsConfig"] == {"insecureSkipVerify": True}


def test_prometheus_says_who_it_is():
    """Metrics are for those who may read them; a backend that thinks otherwise gets no token."""
    assert endpoint()["bearerTokenFile"] == "/var/run/secrets/kubernetes.io/serviceaccount/token"
    assert "bearerTokenFile" not in endpoint({"serviceMonitor": {"enabled": True, "bearerTokenFile": ""}})


def test_backend_can_find_out_who_may_read_its_metrics():
    """By a TokenReview and a SubjectAccessReview; without them each scrape would get 401."""
    objects = render(configuration="monitoring")
    told = environment(only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0])

    assert (
        told["EXTENSION_APISERVER_DELEGATED_AUTHENTICATION"]
        == told["EXTENSION_APISERVER_DELEGATED_AUTHORIZATION"]
        == "true"
    )


def test_there_is_an_alert_for_each_version():
    """On kube-apiserver's own metric, by the APIService's name."""
    two = rules({"prometheusRule": {"enabled": True}}, configuration="two-versions")
    expressions = [rule["expr"] for rule in two if rule["alert"] == "APIServiceUnavailable"]

    assert [
        f'max(aggregator_unavailable_apiservice{{name="{version}.birds.example.com"}}) > 0'
        for version in ("v1", "v1beta1")
    ] == expressions


def exposed():
    """Return the series that a backend shows from its start on: {"name": {"label", …}}."""
    from extension_apiserver.observe.metrics import Metrics

    metrics = Metrics()
    metrics.certificate_not_after.read = lambda: 1.0  # known once the certificate is
    lines = [line for line in metrics.expose().decode().splitlines() if not line.startswith("#")]
    return {re.split(r"[{ ]", line)[0]: set(re.findall(r'(\w+)="', line)) for line in lines}


def test_alerts_ask_for_series_that_exist():
    """From the start on: a renamed metric or label would keep an alert silent for ever, and an increase from nothing to 1 is none."""
    added_by_prometheus = {"namespace", "service"}
    series = exposed()
    asked = [(rule["alert"], *found) for rule in rules() for found in re.findall(r"(\w+)\{(.*?)\}", rule["expr"])]

    assert {alert for alert, _, _ in asked} == {rule["alert"] for rule in rules()}
    for alert, name, labels in asked:
        if name not in OF_KUBE_APISERVER:
            assert set(re.findall(r'(\w+)="', labels)) <= series[name] | added_by_prometheus, f"{alert}: {name}"


def test_certificate_alert_leaves_time_for_a_renewal():
    """168 hours, in seconds; renewal begins 720 hours before the end."""
    [rule] = [rule for rule in rules() if rule["alert"] == "APIServiceCertificateExpiring"]

    assert rule["expr"].endswith(f"< {168 * 3600}")


def test_only_an_unavailable_api_is_critical():
    """It wakes somebody; the others wait for the morning."""
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}

    assert severities == {
        "APIServiceUnavailable": "critical",
        "APIServiceCertificateExpiring": "warning",
        "APIServiceReloadFailing": "warning",
    }
