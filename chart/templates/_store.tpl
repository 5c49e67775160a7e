{{- /* What the values below store become. The folder is the volume's alone, so that SQLite can write its other two files beside the one of the URL. */}}
{{- define "header-echo.storeFolder" -}}/var/lib/header-echo/store{{- end }}

{{- define "header-echo.storeClaim" -}}
{{- .Values.store.volume.existingClaim | default (printf "%s-store" (include "header-echo.fullname" .)) }}
{{- end }}

{{- /* "true" if the objects are with one pod, and a second one would have others, or none. */}}
{{- define "header-echo.isAlone" -}}
{{- if has .Values.store.mode (list "sqlite" "memory") }}true{{ end }}
{{- end }}

{{- define "header-echo.storeEnv" }}
{{- with .Values.store }}
{{- if .mode }}
- name: EXTENSION_APISERVER_STORE_URL
  {{- if eq .mode "postgresql" }}
  valueFrom:
    secretKeyRef:
      name: {{ .urlSecret.name | quote }}
      key: {{ .urlSecret.key | quote }}
  {{- else }}
  value: {{ ternary "memory:" (printf "sqlite:///%s/objects.db" (include "header-echo.storeFolder" $)) (eq .mode "memory") | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.storeVolume" -}}
- name: store
  persistentVolumeClaim:
    claimName: {{ include "header-echo.storeClaim" . | quote }}
{{- end }}

{{- /*
A new disk is root's, and the pod nobody in particular's: Kubernetes gives the files to this group, which is that of the image's USER, and the
pod is a member of it. OpenShift chooses one by itself, and refuses any other.
https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-the-security-context-for-a-pod
*/}}
{{- define "header-echo.storeSecurityContext" -}}
{{- if and (eq .Values.store.mode "sqlite") (not (.Capabilities.APIVersions.Has "security.openshift.io/v1")) -}}
fsGroup: 65532
{{- else -}}
{}
{{- end }}
{{- end }}

{{- define "header-echo.watchesNamespaces" -}}
{{- if and .Values.store.mode .Values.store.namespaces }}true{{ end }}
{{- end }}
