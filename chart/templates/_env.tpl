{{- /*
What the backend is told: the same values that the other objects are made from. Every path is said, none is left to a default of the image.
*/}}
{{- define "header-echo.commonEnv" -}}
{{- if .Values.apiService.enabled }}
- name: EXTENSION_APISERVER_GROUP
  value: {{ .Values.apiService.group | quote }}
- name: EXTENSION_APISERVER_VERSIONS
  value: {{ include "header-echo.versions" . | quote }}
{{- else }}
# None: without it the program would look for those of a group of its own.
- name: EXTENSION_APISERVER_VERSIONS
  value: ""
{{- end }}
- name: EXTENSION_APISERVER_SERVICE_ACCOUNT_DIRECTORY
  value: /var/run/secrets/kubernetes.io/serviceaccount
{{- end }}

{{- define "header-echo.serveEnv" -}}
{{ include "header-echo.commonEnv" . }}
{{- include "header-echo.metricsEnv" . }}
{{- include "header-echo.storeEnv" . }}
{{- if ne .Values.tls.mode "insecure" }}
# The backend compares its certificate with this name and says where they differ, instead of kube-apiserver's mere "x509".
- name: EXTENSION_APISERVER_SERVICE_DNS_NAME
  value: {{ include "header-echo.dnsName" . | quote }}
{{- end }}
- name: EXTENSION_APISERVER_BIND_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: EXTENSION_APISERVER_PORT
  value: {{ .Values.port | int | quote }}
{{- if include "header-echo.mountsCertificate" . }}
- name: EXTENSION_APISERVER_TLS_DIRECTORY
  value: /var/run/header-echo/tls
{{- end }}
- name: EXTENSION_APISERVER_SHUTDOWN_DELAY_SECONDS
  value: {{ .Values.shutdown.delaySeconds | int | quote }}
- name: EXTENSION_APISERVER_SHUTDOWN_TIMEOUT_SECONDS
  value: {{ .Values.shutdown.timeoutSeconds | int | quote }}
{{- if .Values.delegation.authentication }}
- name: EXTENSION_APISERVER_DELEGATED_AUTHENTICATION
  value: "true"
{{- end }}
{{- if .Values.delegation.authorization }}
- name: EXTENSION_APISERVER_DELEGATED_AUTHORIZATION
  value: "true"
{{- end }}
{{- end }}

{{- define "header-echo.metricsEnv" }}
{{- with .Values.metrics.apis }}
- name: EXTENSION_APISERVER_METRICS_APIS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{- /* What is not registered can't be tested through kube-apiserver. */}}
{{- define "header-echo.testEnv" -}}
{{ include "header-echo.commonEnv" . }}
{{- if .Values.metrics.register }}{{ include "header-echo.metricsEnv" . }}{{ end }}
- name: EXTENSION_APISERVER_SERVICE_DNS_NAME
  value: {{ include "header-echo.dnsName" . | quote }}
{{- end }}
