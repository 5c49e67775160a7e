{{- /* What kube-apiserver is told: one entry for each APIService of the release, as a JSON array, those of its own group first. */}}
{{- define "header-echo.registrations" -}}
{{- $all := list }}
{{- with .Values.apiService }}
{{- if .enabled }}
{{- $priorities := include "header-echo.versionPriorities" $ | fromJsonArray }}
{{- range $position, $version := .versions }}
{{- $all = append $all (dict "group" $.Values.apiService.group "version" .name "groupPriorityMinimum" $.Values.apiService.groupPriorityMinimum "versionPriority" (index $priorities $position)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.metrics.register }}
{{- range include "header-echo.metricsRegistrations" . | fromJsonArray }}{{ $all = append $all . }}{{ end }}
{{- end }}
{{- range $all }}{{ $_ := set . "name" (printf "%s.%s" .version .group) }}{{ end }}
{{- toJson $all }}
{{- end }}

{{- /*
Those of metrics.apis, with the places that metrics-server and prometheus-adapter give them: below Kubernetes' own groups, so that
`kubectl get pods` never means metrics. A HorizontalPodAutoscaler's controller knows these versions and no others:
https://github.com/kubernetes/metrics
*/}}
{{- define "header-echo.metricsRegistrations" -}}
{{- $known := dict "external" (list (dict "group" "external.metrics.k8s.io" "version" "v1beta1" "versionPriority" 100)) }}
{{- $_ := set $known "custom" (list (dict "group" "custom.metrics.k8s.io" "version" "v1beta2" "versionPriority" 200) (dict "group" "custom.metrics.k8s.io" "version" "v1beta1" "versionPriority" 100)) }}
{{- $_ := set $known "resource" (list (dict "group" "metrics.k8s.io" "version" "v1beta1" "versionPriority" 100)) }}
{{- $all := list }}
{{- range .Values.metrics.apis }}
{{- range get $known . }}{{ $all = append $all (merge (dict "groupPriorityMinimum" 100) .) }}{{ end }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{- /* The groups of these, once each, as a JSON array. */}}
{{- define "header-echo.metricsGroups" -}}
{{- $groups := list }}
{{- range include "header-echo.metricsRegistrations" . | fromJsonArray }}{{ $groups = append $groups .group }}{{ end }}
{{- toJson (uniq $groups) }}
{{- end }}

{{- /*
What the backend may list to apply selectors, as a JSON array of rules: the objects of custom metrics by `metrics.objects`, and those that
metrics.k8s.io is about. Empty where no function of ours is asked.
*/}}
{{- define "header-echo.metricsObjectRules" -}}
{{- $objects := list }}
{{- with .Values.metrics }}
{{- if not .mux.enabled }}
{{- if has "custom" .apis }}{{ $objects = concat $objects .objects }}{{ end }}
{{- if has "resource" .apis }}{{ $objects = concat $objects (list "pods" "nodes") }}{{ end }}
{{- end }}
{{- end }}
{{- $groups := dict }}
{{- range uniq $objects }}
{{- $resource := splitList "." . | first }}
{{- $group := trimPrefix $resource . | trimPrefix "." }}
{{- $_ := set $groups $group (append (get $groups $group | default list) $resource) }}
{{- end }}
{{- $rules := list }}
{{- range $group, $resources := $groups }}
{{- $rules = append $rules (dict "apiGroups" (list $group) "resources" $resources "verbs" (list "list")) }}
{{- end }}
{{- toJson $rules }}
{{- end }}

{{- /* "true" if the container runs a program of this chart's own image that reads a file: the gateway or the multiplexer. */}}
{{- define "header-echo.runsOurs" -}}
{{- if or .Values.gateway.enabled .Values.metrics.mux.enabled }}true{{ end }}
{{- end }}
