{{- /*
Every name that has to agree between objects is made here, once.
*/}}

{{- /* At most 63 characters; what is longer keeps a hash, so that two long names stay two. */}}
{{- define "header-echo.shorten" -}}
{{- if gt (len .) 63 }}{{ printf "%s-%s" (trunc 54 . | trimSuffix "-" | trimSuffix ":") (sha256sum . | trunc 8) }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "header-echo.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* A DNS label: release names may hold dots, Service names may not. Leaves room for the suffixes below. */}}
{{- define "header-echo.fullname" -}}
{{- $name := include "header-echo.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- $full = default $full .Values.fullnameOverride | replace "." "-" }}
{{- if gt (len $full) 46 }}{{ printf "%s-%s" (trunc 37 $full | trimSuffix "-") (sha256sum $full | trunc 8) }}{{ else }}{{ $full }}{{ end }}
{{- end }}

{{- /* Name of something outside of the release's namespace. Arguments: context, suffix. The namespace is part of it: two releases never meet. */}}
{{- define "header-echo.clusterName" -}}
{{- $context := index . 0 }}
{{- printf "%s:%s:%s" $context.Release.Namespace (include "header-echo.fullname" $context) (index . 1) | include "header-echo.shorten" }}
{{- end }}

{{- define "header-echo.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "header-echo.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "header-echo.serviceName" -}}
{{- include "header-echo.fullname" . }}
{{- end }}

{{- define "header-echo.serviceNamespace" -}}
{{- .Release.Namespace }}
{{- end }}

{{- /* The name that kube-apiserver expects in the certificate: never with a cluster domain. */}}
{{- define "header-echo.dnsName" -}}
{{- printf "%s.%s.svc" (include "header-echo.serviceName" .) (include "header-echo.serviceNamespace" .) }}
{{- end }}

{{- define "header-echo.selfSignedIssuer" -}}{{ include "header-echo.fullname" . }}-self-signed{{- end }}
{{- define "header-echo.caCertificate" -}}{{ include "header-echo.fullname" . }}-ca{{- end }}
{{- define "header-echo.caIssuer" -}}{{ include "header-echo.fullname" . }}-ca{{- end }}
{{- define "header-echo.servingCertificate" -}}{{ include "header-echo.fullname" . }}-serving{{- end }}

{{- define "header-echo.servingSecret" -}}
{{- include "header-echo.servingCertificate" . }}
{{- end }}

{{- define "header-echo.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion }}
{{- .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- /* Versions as one comma list, the preferred one first. */}}
{{- define "header-echo.versions" -}}
{{- $names := list }}
{{- range .Values.apiService.versions }}{{ $names = append $names .name }}{{ end }}
{{- join "," $names }}
{{- end }}
