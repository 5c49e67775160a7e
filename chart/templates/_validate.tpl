{{- /*
Values that Kubernetes or cert-manager would refuse later, or, worse, accept. Each fault is one line of text: what is wrong, and what to set.
All faults are shown at once. Types and unknown keys are the business of values.schema.json.
*/}}
{{- define "header-echo.validate" -}}
{{- $faults := include "header-echo.faults" . | trim }}
{{- if $faults }}{{ fail (printf "\n\n%s\n" $faults) }}{{ end }}
{{- end }}

{{- define "header-echo.faults" }}
{{- include "header-echo.faultsOfRegistration" . }}
{{- include "header-echo.faultsOfTLS" . }}
{{- end }}

{{- define "header-echo.faultsOfRegistration" }}
{{- with .Values.apiService }}
{{- if or (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .group)) (gt (len .group) 253) }}
- apiService.group must be a DNS subdomain in lower case such as 'cats.example.com', not '{{ .group }}'.
{{- end }}
{{- $priority := int .groupPriorityMinimum }}
{{- if or (lt $priority 1) (gt $priority 20000) }}
- apiService.groupPriorityMinimum must be from 1 to 20000, not {{ $priority }}: kube-apiserver refuses any other.
{{- end }}
{{- if not .versions }}
- apiService.versions must list at least one version, e.g. [{name: v1, versionPriority: 100}].
{{- end }}
{{- $before := 1001 }}
{{- $names := list }}
{{- range .versions }}
{{- $priority := int .versionPriority }}
{{- if or (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .name)) (gt (len .name) 63) }}
- apiService.versions: a name must be a DNS label that begins with a letter, such as 'v1' or 'v1beta1', not '{{ .name }}'.
{{- end }}
{{- if has .name $names }}
- apiService.versions: '{{ .name }}' is listed twice; remove one.
{{- end }}
{{- if or (lt $priority 1) (gt $priority 1000) }}
- apiService.versions: versionPriority of '{{ .name }}' must be from 1 to 1000, not {{ $priority }}: kube-apiserver refuses any other.
{{- else if ge $priority (int $before) }}
- apiService.versions: versionPriority of '{{ .name }}' is {{ $priority }} and must be lower than {{ $before }} of the version before it: the backend prefers the first version, kube-apiserver the highest priority.
{{- else }}
{{- $before = $priority }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.faultsOfTLS" }}
{{- if and (hasPrefix "certManager" .Values.tls.mode) (not (.Capabilities.APIVersions.Has "cert-manager.io/v1")) }}
- tls.mode is '{{ .Values.tls.mode }}', but this cluster doesn't serve cert-manager.io/v1. Install cert-manager first (https://cert-manager.io/docs/installation/), or choose another tls.mode; if you render without a cluster, add --api-versions cert-manager.io/v1.
{{- end }}
{{- end }}
