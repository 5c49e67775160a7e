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
