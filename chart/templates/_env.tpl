{{- /*
What the backend is told: the same values that the other objects are made from. Every path is said, none is left to a default of the image.
*/}}
{{- define "header-echo.commonEnv" -}}
- name: HEADER_ECHO_GROUP
  value: {{ .Values.apiService.group | quote }}
- name: HEADER_ECHO_VERSIONS
  value: {{ include "header-echo.versions" . | quote }}
- name: HEADER_ECHO_SERVICE_ACCOUNT_DIRECTORY
  value: /var/run/secrets/kubernetes.io/serviceaccount
{{- end }}

{{- define "header-echo.serveEnv" -}}
{{ include "header-echo.commonEnv" . }}
{{- if ne .Values.tls.mode "insecure" }}
# The backend compares its certificate with this name and says where they differ, instead of kube-apiserver's mere "x509".
- name: HEADER_ECHO_SERVICE_DNS_NAME
  value: {{ include "header-echo.dnsName" . | quote }}
{{- end }}
- name: HEADER_ECHO_BIND_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: HEADER_ECHO_PORT
  value: {{ .Values.port | int | quote }}
{{- if include "header-echo.mountsCertificate" . }}
- name: HEADER_ECHO_TLS_DIRECTORY
  value: /var/run/header-echo/tls
{{- end }}
- name: HEADER_ECHO_SHUTDOWN_DELAY_SECONDS
  value: {{ .Values.shutdown.delaySeconds | int | quote }}
- name: HEADER_ECHO_SHUTDOWN_TIMEOUT_SECONDS
  value: {{ .Values.shutdown.timeoutSeconds | int | quote }}
{{- if .Values.delegation.authentication }}
- name: HEADER_ECHO_DELEGATED_AUTHENTICATION
  value: "true"
{{- end }}
{{- if .Values.delegation.authorization }}
- name: HEADER_ECHO_DELEGATED_AUTHORIZATION
  value: "true"
{{- end }}
{{- end }}

{{- define "header-echo.testEnv" -}}
{{ include "header-echo.commonEnv" . }}
- name: HEADER_ECHO_SERVICE_DNS_NAME
  value: {{ include "header-echo.dnsName" . | quote }}
{{- end }}
