{{- define "header-echo.faultsOfMetrics" }}
{{- $apis := .Values.metrics.apis }}
{{- if not .Values.apiService.enabled }}
{{- if not $apis }}
- apiService.enabled is false and metrics.apis is empty, so the release would serve nothing: list external, custom or resource in metrics.apis, or set apiService.enabled to true.
{{- end }}
{{- range $key, $set := dict "gateway.enabled" .Values.gateway.enabled "anonymous.enabled" .Values.anonymous.enabled }}
{{- if $set }}
- {{ $key }} is true, but apiService.enabled is false, and it is about the release's own group: set one of them to its other value.
{{- end }}
{{- end }}
{{- else }}
{{- range include "header-echo.metricsRegistrations" . | fromJsonArray }}
{{- if and (eq .group $.Values.apiService.group) (eq .versionPriority 100.0) }}
- apiService.group is '{{ .group }}', which is in metrics.apis too: choose a group of your own, or set apiService.enabled to false.
{{- end }}
{{- end }}
{{- end }}
{{- if and $apis .Values.gateway.enabled }}
- metrics.apis is set and gateway.enabled is true, but the gateway has no functions that know metrics: install these as a release of their own, with apiService.enabled=false and your program in image or command.
{{- end }}
{{- if and (has "custom" $apis) (not .Values.metrics.mux.enabled) }}
{{- range .Values.metrics.objects }}
{{- if eq . "secrets" }}
- metrics.objects lists 'secrets', and who may list Secrets may read them: remove it.
{{- end }}
{{- end }}
{{- end }}
{{- if and $apis (not .Values.metrics.register) }}
{{- if .Values.metrics.mux.enabled }}
- metrics.register is false, but it is for a provider behind a multiplexer, and this release is one: set it to true, or apiService.create to false until your providers are ready.
{{- else if not (and .Values.delegation.authentication .Values.delegation.authorization) }}
- metrics.register is false, so a multiplexer asks for the metrics, and it is known by its token: set delegation.authentication and delegation.authorization to true.
{{- end }}
{{- end }}
{{- include "header-echo.faultsOfMux" . }}
{{- include "header-echo.faultsOfOwner" . }}
{{- end }}

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

{{- /*
The one look into the cluster. It refuses and decides nothing else: what is rendered is the same without a cluster, as in Argo CD. Helm's own
refusal doesn't say whose the APIService is, nor that two of them can't be: https://github.com/kedacore/keda/issues/470
*/}}
{{- define "header-echo.faultsOfOwner" }}
{{- if and .Values.apiService.create .Values.metrics.register }}
{{- range include "header-echo.metricsRegistrations" . | fromJsonArray }}
{{- $name := printf "%s.%s" .version .group }}
{{- $found := lookup "apiregistration.k8s.io/v1" "APIService" "" $name }}
{{- if $found }}
{{- $marks := $found.metadata.annotations | default dict }}
{{- $release := get $marks "meta.helm.sh/release-name" }}
{{- $namespace := get $marks "meta.helm.sh/release-namespace" }}
{{- if not (and (eq $release $.Release.Name) (eq $namespace $.Release.Namespace)) }}
- APIService {{ $name }} is there already{{ with $found.spec.service }}, for Service '{{ .name }}' in namespace '{{ .namespace }}'{{ end }}{{ if $release }}, of Helm release '{{ $release }}' in namespace '{{ $namespace }}'{{ end }}, and a cluster has one of each. {{ if $.Values.metrics.mux.enabled }}If that Service is one of metrics.mux.providers, let its own release or manifest no longer register it, then: kubectl delete apiservice {{ $name }}{{ else }}To keep both, set metrics.register to false and install a multiplexer in front of the two (metrics.mux, see README.md); to replace it: kubectl delete apiservice {{ $name }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
