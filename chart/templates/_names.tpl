{{- /*
Every name that has to agree between objects is made here, once.
*/}}

{{- define "header-echo.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 58 | trimSuffix "-" }}
{{- end }}

{{- /* A DNS label: release names may hold dots, Service names may not. Leaves room for suffixes; what is longer keeps a hash, so that two names stay two. */}}
{{- define "header-echo.fullname" -}}
{{- $name := include "header-echo.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- $full = default $full .Values.fullnameOverride | replace "." "-" }}
{{- if gt (len $full) 46 }}{{ printf "%s-%s" (trunc 37 $full | trimSuffix "-") (sha256sum $full | trunc 8) }}{{ else }}{{ $full }}{{ end }}
{{- end }}

{{- /* Name of something outside of the release's namespace. Arguments: context, suffix. The namespace is part of it: two releases never meet. */}}
{{- define "header-echo.clusterName" -}}
{{- $context := index . 0 }}
{{- $name := printf "%s:%s:%s" $context.Release.Namespace (include "header-echo.fullname" $context) (index . 1) }}
{{- if gt (len $name) 63 }}{{ printf "%s-%s" (trunc 54 $name) (sha256sum $name | trunc 8) }}{{ else }}{{ $name }}{{ end }}
{{- end }}

{{- define "header-echo.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "header-echo.fullname" .) }}
{{- end }}

{{- define "header-echo.testName" -}}{{ include "header-echo.fullname" . }}-test{{- end }}

{{- define "header-echo.serviceName" -}}
{{- if .Values.backend.create }}{{ include "header-echo.fullname" . }}{{ else }}{{ .Values.backend.service.name }}{{ end }}
{{- end }}

{{- define "header-echo.serviceNamespace" -}}
{{- if .Values.backend.create }}{{ .Release.Namespace }}{{ else }}{{ .Values.backend.service.namespace | default .Release.Namespace }}{{ end }}
{{- end }}

{{- define "header-echo.servicePort" -}}
{{- if .Values.backend.create }}{{ int .Values.service.port }}{{ else }}{{ int .Values.backend.service.port }}{{ end }}
{{- end }}

{{- /* The name that kube-apiserver expects in the certificate: never with a cluster domain. */}}
{{- define "header-echo.dnsName" -}}
{{- printf "%s.%s.svc" (include "header-echo.serviceName" .) (include "header-echo.serviceNamespace" .) }}
{{- end }}

{{- define "header-echo.image" -}}
{{- .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* Versions as one comma list, the preferred one first. */}}
{{- define "header-echo.versions" -}}
{{- $names := list }}
{{- range .Values.apiService.versions }}{{ $names = append $names .name }}{{ end }}
{{- join "," $names }}
{{- end }}

{{- /* Their priorities, as a JSON array: as given, else by position. */}}
{{- define "header-echo.versionPriorities" -}}
{{- $priorities := list }}
{{- $next := 100 }}
{{- range .Values.apiService.versions }}
{{- $priority := .versionPriority | default $next | int }}
{{- $priorities = append $priorities $priority }}
{{- $next = sub $priority 1 }}
{{- end }}
{{- toJson $priorities }}
{{- end }}
