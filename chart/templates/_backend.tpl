{{- /* What the image is started with, the pod of `helm test` too; empty means the image's own command, which is the echo's. */}}
{{- define "header-echo.command" -}}
{{- if include "header-echo.runsOurs" . }}{{ toYaml (list "python3" "-m" "extension_apiserver") }}{{ else if .Values.command }}{{ toYaml .Values.command }}{{ end }}
{{- end }}

{{- /* The container that answers. */}}
{{- define "header-echo.backendContainer" -}}
name: backend
image: {{ include "header-echo.image" . | quote }}
{{- with .Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
# A crash is explained by the pod's status, also when its log is gone:
# https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/#customizing-the-termination-message
terminationMessagePolicy: FallbackToLogsOnError
{{- with include "header-echo.command" . }}
command: {{- . | nindent 2 }}
{{- end }}
{{- if .Values.gateway.enabled }}
args: [gateway, --config, {{ include "header-echo.gatewayFolder" . }}/gateway.json]
{{- else if .Values.metrics.mux.enabled }}
args: [metrics-mux, --config, {{ include "header-echo.gatewayFolder" . }}/mux.json]
{{- else if .Values.args }}
args: {{- tpl (toYaml .Values.args) . | nindent 2 }}
{{- end }}
env:
  {{- include "header-echo.serveEnv" . | nindent 2 }}
  {{- with .Values.env }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
ports:
  - name: https
    containerPort: {{ int .Values.port }}
{{- with .Values.probes.startup }}
startupProbe: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.probes.liveness }}
livenessProbe: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.probes.readiness }}
readinessProbe: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if gt (int .Values.shutdown.preStopSeconds) 0 }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ int .Values.shutdown.preStopSeconds }}
{{- end }}
{{- with .Values.resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- mergeOverwrite (include "header-echo.containerSecurityContext" . | fromYaml) .Values.securityContext | toYaml | nindent 2 }}
volumeMounts:
  {{- include "header-echo.tokenMount" . | nindent 2 }}
  {{- if include "header-echo.mountsCertificate" . }}
  # The whole directory: a subPath mount would never see a renewed certificate.
  - name: tls
    mountPath: /var/run/header-echo/tls
    readOnly: true
  {{- end }}
  {{- if include "header-echo.runsOurs" . }}
  - name: {{ ternary "gateway" "metrics-mux" .Values.gateway.enabled }}
    mountPath: {{ include "header-echo.gatewayFolder" . }}
    readOnly: true
  {{- end }}
  {{- if eq .Values.store.mode "sqlite" }}
  - name: store
    mountPath: {{ include "header-echo.storeFolder" . }}
  {{- end }}
  {{- with .Values.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
