{{- /*
tls.mode decides three things: which Secret the backend mounts, who signs it, and how kube-apiserver learns the CA.
*/}}

{{- define "header-echo.selfSignedIssuer" -}}{{ include "header-echo.fullname" . }}-self-signed{{- end }}
{{- define "header-echo.caCertificate" -}}{{ include "header-echo.fullname" . }}-ca{{- end }}
{{- define "header-echo.caIssuer" -}}{{ include "header-echo.fullname" . }}-ca{{- end }}
{{- define "header-echo.servingCertificate" -}}{{ include "header-echo.fullname" . }}-serving{{- end }}

{{- define "header-echo.servingSecret" -}}
{{- .Values.tls.secretName | default (include "header-echo.servingCertificate" .) }}
{{- end }}

{{- /* "true" if the pods mount a certificate; where nobody verifies it, the backend may make its own. */}}
{{- define "header-echo.mountsCertificate" -}}
{{- if or (ne .Values.tls.mode "insecure") .Values.tls.secretName }}true{{ end }}
{{- end }}

{{- /* Annotations that make somebody write the APIService's caBundle; the chart itself then never renders that field. */}}
{{- define "header-echo.injectionAnnotations" -}}
{{- $mode := .Values.tls.mode }}
{{- $secret := tpl .Values.tls.injectCaFromSecret . }}
{{- if eq $mode "openshift" }}
service.beta.openshift.io/inject-cabundle: "true"
{{- else if $secret }}
cert-manager.io/inject-ca-from-secret: {{ $secret | quote }}
{{- else if eq $mode "certManager" }}
cert-manager.io/inject-ca-from: {{ printf "%s/%s" .Release.Namespace (include "header-echo.caCertificate" .) | quote }}
{{- else if and (eq $mode "certManagerIssuer") (not .Values.tls.caBundle) }}
cert-manager.io/inject-ca-from: {{ printf "%s/%s" .Release.Namespace (include "header-echo.servingCertificate" .) | quote }}
{{- end }}
{{- end }}

{{- define "header-echo.privateKey" -}}
{{- with .Values.tls.privateKey -}}
algorithm: {{ .algorithm }}
{{- if ne .algorithm "Ed25519" }}
size: {{ int .size }}
{{- end }}
rotationPolicy: {{ .rotationPolicy }}
{{- end }}
{{- end }}

{{- /* The Secrets stay after an uninstall: these labels find them. */}}
{{- define "header-echo.secretTemplate" -}}
labels:
  app.kubernetes.io/name: {{ include "header-echo.name" . | quote }}
  app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}
