{{- /*
What the backend is told: the same values that the other objects are made from.
*/}}
{{- define "header-echo.env" -}}
- name: HEADER_ECHO_GROUP
  value: {{ .Values.apiService.group | quote }}
- name: HEADER_ECHO_VERSIONS
  value: {{ include "header-echo.versions" . | quote }}
- name: HEADER_ECHO_SERVICE_DNS_NAME
  value: {{ include "header-echo.dnsName" . | quote }}
- name: HEADER_ECHO_SERVICE_ACCOUNT_DIRECTORY
  value: /var/run/secrets/kubernetes.io/serviceaccount
{{- end }}

{{- define "header-echo.serveEnv" -}}
- name: HEADER_ECHO_BIND_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: HEADER_ECHO_PORT
  value: {{ .Values.port | int | quote }}
- name: HEADER_ECHO_TLS_DIRECTORY
  value: /var/run/header-echo/tls
{{- with .Values.delegation }}
{{- if .authentication }}
- name: HEADER_ECHO_DELEGATED_AUTHENTICATION
  value: "true"
{{- end }}
{{- if .authorization }}
- name: HEADER_ECHO_DELEGATED_AUTHORIZATION
  value: "true"
{{- end }}
{{- end }}
{{- end }}

{{- /*
A token for this pod alone: it lives an hour, kubelet renews it, and it dies with the pod. The directory is the one that client libraries expect.
https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
*/}}
{{- define "header-echo.tokenMount" -}}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{- define "header-echo.tokenVolume" -}}
- name: token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{- /* The Pod Security Standard "restricted". No user id: OpenShift chooses one, elsewhere the image's numeric USER holds. */}}
{{- define "header-echo.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "header-echo.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end }}
