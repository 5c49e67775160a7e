{{- /* What NOTES.txt says of the gateway. */}}
{{- define "header-echo.notesOfGateway" }}
{{- $base := printf "/apis/%s/%s" .Values.apiService.group (first .Values.apiService.versions).name }}
{{- $path := .Values.gateway.readinessPath }}
{{- with first .Values.gateway.resources }}
{{- if not .upstream }}{{ $path = .list.path }}{{ end }}
{{- end }}
{{- if or (not $path) (contains "{" $path) }}{{ $path = "/<path>" }}{{ end }}

What is below {{ $base }} is then asked of {{ tpl .Values.gateway.upstream . }}, which is told who calls:

{{- with first .Values.gateway.resources }}

  kubectl get {{ include "header-echo.plural" . }}.{{ $.Values.apiService.group }}
{{- else }}
{{ end }}
  kubectl get --raw {{ $base }}{{ $path }}

In a browser, with your own rights (RBAC verb `proxy`), while `kubectl proxy` runs:

  http://127.0.0.1:8001{{ $base }}/proxy{{ $path }}

If something fails, this tells at which hop:

  kubectl exec --namespace {{ .Release.Namespace }} deployment/{{ include "header-echo.fullname" . }} --container backend -- {{ include "header-echo.command" . | fromYamlArray | join " " }} doctor --config {{ include "header-echo.gatewayFolder" . }}/gateway.json

If it answers 403, this tells what you may:

  kubectl auth can-i --list | grep {{ .Values.apiService.group }}
{{- with .Values.gateway.token }}
{{- if .enabled }}

Each request carries a token in {{ .header }}. It proves nothing until your service verifies it: ES256, audience '{{ .audience }}', keys of https://{{ include "header-echo.dnsName" $ }}{{ with int (include "header-echo.servicePort" $) }}{{ if ne . 443 }}:{{ . }}{{ end }}{{ end }}/.well-known/jwks.json.
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.warningsOfGateway" }}
{{- range include "header-echo.upstreams" . | fromJsonArray }}
{{- if not (or (hasPrefix "unix://" .url) $.Values.gateway.token.enabled .tls.clientSecretName .trustNetwork (include "header-echo.isLoopback" .url)) }}

WARNING: pods that reach {{ .url }} past the gateway can claim to be anybody. Let a NetworkPolicy admit the gateway's pods alone (app.kubernetes.io/name={{ include "header-echo.name" $ }}, app.kubernetes.io/instance={{ $.Release.Name }}) and set {{ .at }}.trustNetwork to true, or let it verify a token (gateway.token.enabled) or a client certificate.
{{- end }}
{{- end }}
{{- end }}
