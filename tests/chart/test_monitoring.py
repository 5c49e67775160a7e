"""Metrics are scraped with verified TLS, and alerts name this registration."""

import json

from chart.rendered import only, render


def endpoint(values=None, configuration="monitoring"):
    [found] = only(
        render({"serviceMonitor": {"enabled": True}} | (values or {}), configuration=configuration), "ServiceMonitor"
    )["spec"]["endpoints"]
    return found


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


def test_there_is_an_alert_for_each_version():
    """On kube-apiserver's own metric, by the APIService's name."""
    rules = [
        rule
        for group in only(
            render({"prometheusRule": {"enabled": True}}, configuration="two-versions"), "PrometheusRule"
        )["spec"]["groups"]
        for rule in group["rules"]
    ]
    expressions = [rule["expr"] for rule in rules if rule["alert"] == "APIServiceUnavailable"]

    assert [
        f'max(aggregator_unavailable_apiservice{{name="{version}.birds.example.com"}}) > 0'
        for version in ("v1", "v1beta1")
    ] == expressions


def test_alerts_use_metrics_that_the_backend_has():
    """A renamed metric would make an alert silent for ever."""
    from extension_apiserver.metrics import Metrics

    text = json.dumps(only(render(configuration="monitoring"), "PrometheusRule"))
    metrics = Metrics()
    names = {metrics.certificate_not_after.name, metrics.tls_reloads.name, metrics.requestheader_reloads.name}

    assert set() == {name for name in names if name not in text}
    assert text.count("extension_apiserver_") == 3


def test_certificate_alert_leaves_time_for_a_renewal():
    """168 hours, in seconds; renewal begins 720 hours before the end."""
    [rule] = [
        rule
        for group in only(render(configuration="monitoring"), "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
        if rule["alert"] == "APIServiceCertificateExpiring"
    ]

    assert rule["expr"].endswith(f"< {168 * 3600}")


def test_only_an_unavailable_api_is_critical():
    """It wakes somebody; the others wait for the morning."""
    groups = only(render(configuration="monitoring"), "PrometheusRule")["spec"]["groups"]
    severities = {rule["alert"]: rule["labels"]["severity"] for group in groups for rule in group["rules"]}

    assert severities == {
        "APIServiceUnavailable": "critical",
        "APIServiceCertificateExpiring": "warning",
        "APIServiceReloadFailing": "warning",
    }
