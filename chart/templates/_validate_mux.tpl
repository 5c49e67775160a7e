{{- define "header-echo.faultsOfMux" }}
{{- with .Values.metrics.mux }}
{{- if not .enabled }}
{{- if or .providers .routes }}
- metrics.mux.{{ ternary "providers" "routes" (not (empty .providers)) }} is set, but metrics.mux.enabled is false, so nobody would be asked: set metrics.mux.enabled to true, or remove it.
{{- end }}
{{- else }}
{{- if not .providers }}
- metrics.mux.enabled is true: set metrics.mux.providers to those who know the metrics, e.g. [{name: keda, url: "https://keda-operator-metrics-apiserver.keda.svc"}].
{{- end }}
{{- if not $.Values.metrics.apis }}
- metrics.mux.enabled is true: set metrics.apis to what it stands for, external, custom or both.
{{- end }}
{{- if has "resource" $.Values.metrics.apis }}
- metrics.mux.enabled is true, but no multiplexer stands for metrics.k8s.io, which has one number for each pod and node: remove 'resource' from metrics.apis.
{{- end }}
{{- if $.Values.apiService.enabled }}
- metrics.mux.enabled is true, but the multiplexer has no group of its own: set apiService.enabled to false.
{{- end }}
{{- if not $.Values.backend.create }}
- metrics.mux.enabled is true, but backend.create is false, so there is no pod for it: set one of them to its other value.
{{- end }}
{{- range list "command" "args" }}
{{- if index $.Values . }}
- {{ . }} and metrics.mux.enabled are both set, but the container's command is then the multiplexer's: remove {{ . }}; a provider of your own is another release of this chart, with metrics.register=false.
{{- end }}
{{- end }}
{{- include "header-echo.faultsOfProviders" $ }}
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.faultsOfProviders" }}
{{- $names := list }}
{{- range include "header-echo.providers" . | fromJsonArray }}
{{- if has .name $names }}
- {{ .at }}.name is '{{ .name }}', as that of another: give each a name of its own, by which routes and messages know it.
{{- end }}
{{- $names = append $names .name }}
{{- $host := regexReplaceAll "^https://([^:/]*).*$" .url "${1}" | lower }}
{{- if not (regexMatch "^https://(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?)(:[1-9][0-9]{0,4})?/?$" .url) }}
- {{ .at }}.url is '{{ regexReplaceAll "//[^/]*@" .url "//***@" }}' and must be https://<service>.<namespace>.svc, with or without a port: the multiplexer sends it its own token.
{{- else if has $host (list (include "header-echo.dnsName" $) (trimSuffix ".svc" (include "header-echo.dnsName" $)) (include "header-echo.serviceName" $)) }}
- {{ .at }}.url is '{{ .url }}', the multiplexer itself, which would ask itself for ever: name the provider's Service.
{{- end }}
{{- if gt (len (compact (list .tls.ca .tls.caSecretName .tls.caConfigMapName))) 1 }}
- {{ .at }}.tls has more than one of ca, caSecretName and caConfigMapName, and each says whom to trust: set one.
{{- end }}
{{- if and .tls.ca (or (not (contains "-----BEGIN CERTIFICATE-----" .tls.ca)) (contains "PRIVATE KEY-----" .tls.ca)) }}
- {{ .at }}.tls.ca must hold certificates in PEM ('-----BEGIN CERTIFICATE-----') and never a private key, because anybody may read it who may read ConfigMaps.
{{- end }}
{{- $at := .at }}
{{- range .apis }}
{{- if not (has . $.Values.metrics.apis) }}
- {{ $at }}.apis lists '{{ . }}', which metrics.apis lacks, so it would never be asked for it: add it there, or remove it here.
{{- end }}
{{- end }}
{{- end }}
{{- range $index, $route := .Values.metrics.mux.routes }}
{{- if not (or .metric .namespace .labels) }}
- metrics.mux.routes[{{ $index }}] must say metric, namespace or labels; for all metrics write metric: "*".
{{- end }}
{{- if not (has .provider $names) }}
- metrics.mux.routes[{{ $index }}].provider is '{{ .provider }}', but no entry of metrics.mux.providers has this name: add one, or choose one of {{ join ", " $names }}.
{{- end }}
{{- end }}
{{- end }}
