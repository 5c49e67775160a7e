{{- /* What the test pod needs is made before it and goes after it, whether it succeeds or fails: `helm uninstall` doesn't know of hooks. */}}
{{- define "header-echo.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: "-1"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
{{- end }}

{{- /* The pod itself: its words are printed before it goes. */}}
{{- define "header-echo.testPodHook" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
{{- end }}

{{- /* "true" if there is something to test, and pods of ours to test it with. */}}
{{- define "header-echo.isTested" -}}
{{- if and .Values.backend.create .Values.test.enabled (include "header-echo.registrations" . | fromJsonArray) }}true{{ end }}
{{- end }}
