{{- /* What selects the pods: nothing in it may ever change, a Deployment's selector is immutable. */}}
{{- define "header-echo.selectorLabels" -}}
app.kubernetes.io/name: {{ include "header-echo.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* Labels and annotations of any object. Keys: context; optional labels, annotations (maps of the object's own), test (true: another name, so that no selector finds it). */}}
{{- define "header-echo.metadata" -}}
{{- $context := .context }}
{{- with $context -}}
labels:
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
  app.kubernetes.io/name: {{ printf "%s%s" (include "header-echo.name" .) (ternary "-test" "" (default false $.test)) | quote }}
  app.kubernetes.io/instance: {{ .Release.Name | quote }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
  {{- with merge (dict) ($.labels | default dict) .Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) ($.annotations | default dict) .Values.commonAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
