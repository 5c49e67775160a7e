{{- /*
Values that Kubernetes or cert-manager would refuse later, or, worse, accept. Each fault is one line of text: what is wrong, and what to set.
All faults are shown at once. What one value alone decides (types, unknown keys, ranges, patterns) is the business of values.schema.json, which Helm asks first and editors read.
*/}}
{{- define "header-echo.validate" -}}
{{- $faults := print (include "header-echo.faultsOfRegistration" .) (include "header-echo.faultsOfTLS" .) (include "header-echo.faultsOfPKI" .) (include "header-echo.faultsOfBackend" .) (include "header-echo.faultsOfStore" .) (include "header-echo.faultsOfGateway" .) (include "header-echo.faultsOfMetrics" .) | trim }}
{{- if $faults }}{{ fail (printf "\n\n%s\n" $faults) }}{{ end }}
{{- end }}

{{- define "header-echo.faultsOfRegistration" }}
{{- if not .Values.apiService.versions }}
- apiService.versions must list at least one version, e.g. [{name: v1}].
{{- end }}
{{- $names := list }}
{{- $before := 1001 }}
{{- $priorities := include "header-echo.versionPriorities" . | fromJsonArray }}
{{- range $position, $version := .Values.apiService.versions }}
{{- $priority := index $priorities $position | int }}
{{- if has .name $names }}
- apiService.versions: '{{ .name }}' is listed twice; remove one.
{{- else if ge $priority $before }}
- apiService.versions: versionPriority of '{{ .name }}' is {{ $priority }} and must be lower than {{ $before }}, that of the version before it, because the backend prefers the first version and kube-apiserver the highest priority: put the versions into the right order, or leave versionPriority out.
{{- else if lt $priority 1 }}
- apiService.versions: versionPriority of '{{ .name }}' would be {{ $priority }}, one less than that of the version before it, and kube-apiserver takes none below 1: raise those before it.
{{- end }}
{{- $before = $priority }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}

{{- define "header-echo.faultsOfBackend" }}
{{- with .Values }}
{{- if not .backend.create }}
{{- if not .backend.service.name }}
- backend.create is false: set backend.service.name to the Service that the APIService shall name.
{{- end }}
{{- if and (hasPrefix "certManager" .tls.mode) (ne (include "header-echo.serviceNamespace" $) $.Release.Namespace) }}
- tls.mode '{{ .tls.mode }}' makes the serving Secret in namespace '{{ $.Release.Namespace }}', but backend.service.namespace is '{{ .backend.service.namespace }}', where no pod can mount it: install this release into that namespace, or set tls.mode to 'secret' with tls.caBundle.
{{- end }}
{{- else }}
{{- with .backend.service.name }}
- backend.service.name is '{{ . }}', but backend.create is true and the chart makes its own Service: set backend.create to false, or remove the name.
{{- end }}
{{- end }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "header-echo.fullname" $)) }}
- The name '{{ include "header-echo.fullname" $ }}' can't be a Service's: set fullnameOverride to lower-case letters, digits and dashes, a letter first.
{{- end }}
{{- if and (not .serviceAccount.create) (not .serviceAccount.name) }}
- serviceAccount.create is false: set serviceAccount.name to the account that shall have the backend's rights.
{{- end }}
{{- if and .backend.create .serviceMonitor.enabled .serviceMonitor.bearerTokenFile (not (and .delegation.authentication .delegation.authorization)) }}
- serviceMonitor.enabled is true, but the backend can't find out whether Prometheus may read its metrics: set delegation.authentication and delegation.authorization to true, or serviceMonitor.bearerTokenFile to "" if your backend shows them to everybody.
{{- end }}
{{- if and .prometheusRule.enabled (hasPrefix "certManager" .tls.mode) (ge (int .prometheusRule.certificateExpiryHours) (int .tls.certificate.renewBeforeHours)) }}
- prometheusRule.certificateExpiryHours is {{ .prometheusRule.certificateExpiryHours }} and must be lower than tls.certificate.renewBeforeHours, {{ .tls.certificate.renewBeforeHours }}: else every renewal alarms.
{{- end }}
{{- if .hostNetwork }}
{{- if eq (int .port) 10250 }}
- hostNetwork is true and port is 10250, which the kubelet of every node holds: set port to a free one such as 10443.
{{- end }}
{{- if .networkPolicy.enabled }}
- hostNetwork and networkPolicy.enabled are both true, but a NetworkPolicy doesn't apply to pods in the node's network: set one to false.
{{- end }}
{{- if not .hostUsers }}
- hostNetwork is true and hostUsers is false, which Kubernetes refuses: set hostUsers to true.
{{- end }}
{{- end }}
{{- $own := list }}
{{- range include "header-echo.serveEnv" $ | fromYamlArray }}{{ $own = append $own .name }}{{ end }}
{{- range .env }}
{{- if has .name $own }}
- env sets {{ .name }}, which the chart sets itself: use the value that it comes from (see README.md).
{{- else if hasPrefix "HEADER_ECHO_" (toString .name) }}
- env sets {{ .name }}, which is of an older version: set {{ include "header-echo.newer" .name }}.
{{- end }}
{{- end }}
{{- /* Kubernetes leaves a reference to what is not set as it is written, so the program would see these very letters. */}}
{{- range $value := list "command" "args" "env" }}
{{- range regexFindAll "[$][(]HEADER_ECHO_[A-Z_]+[)]" (toYaml (index $.Values $value)) -1 | uniq }}
- {{ $value }} refers to {{ . }}, which is of an older version: write {{ include "header-echo.newer" . }}.
{{- end }}
{{- end }}
{{- range $map := list "commonLabels" "podLabels" }}
{{- range list "name" "instance" }}
{{- if hasKey (index $.Values $map) (printf "app.kubernetes.io/%s" .) }}
- {{ $map }} sets app.kubernetes.io/{{ . }}, by which the Service finds its pods: remove it; nameOverride changes the name.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.newer" }}{{ replace "HEADER_ECHO_" "EXTENSION_APISERVER_" . }}{{ end }}
