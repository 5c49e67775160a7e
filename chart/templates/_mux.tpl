{{- /*
What the values below metrics.mux become: one file for the multiplexer, and one folder with it and with what it refers to. The keys are those
of backend/extension_apiserver/metrics_mux.
*/}}
{{- define "header-echo.muxConfigMap" -}}{{ include "header-echo.fullname" . }}-metrics-mux{{- end }}

{{- /* All providers as a JSON array, each with `at`, which names it in messages, and `file`, what its CA's file is called. */}}
{{- define "header-echo.providers" -}}
{{- $all := list }}
{{- range $index, $one := .Values.metrics.mux.providers }}
{{- $tls := merge (dict) (.tls | default dict) (dict "ca" "" "caSecretName" "" "caConfigMapName" "" "caKey" "ca.crt" "serverName" "") }}
{{- $names := dict "at" (printf "metrics.mux.providers[%d]" $index) "file" (printf "provider-%d-ca.crt" $index) }}
{{- $all = append $all (merge $names (dict "tls" $tls "url" (tpl .url $)) .) }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{- define "header-echo.muxConfig" -}}
{{- $folder := include "header-echo.gatewayFolder" . }}
{{- $providers := list }}
{{- range include "header-echo.providers" . | fromJsonArray }}
{{- $tls := dict }}
{{- if or .tls.ca .tls.caSecretName .tls.caConfigMapName }}{{ $_ := set $tls "caFile" (printf "%s/%s" $folder .file) }}{{ end }}
{{- with .tls.serverName }}{{ $_ := set $tls "serverName" . }}{{ end }}
{{- $entry := pick . "name" "url" "apis" "timeoutSeconds" "tokenFile" "breaker" }}
{{- if $tls }}{{ $_ := set $entry "tls" $tls }}{{ end }}
{{- $providers = append $providers $entry }}
{{- end }}
{{- $config := dict "apis" .Values.metrics.apis "providers" $providers }}
{{- with .Values.metrics.mux.routes }}{{ $_ := set $config "routes" . }}{{ end }}
{{- toPrettyJson $config }}
{{- end }}

{{- /* What the ConfigMap holds. */}}
{{- define "header-echo.muxFiles" -}}
{{- $files := dict "mux.json" (include "header-echo.muxConfig" .) }}
{{- range include "header-echo.providers" . | fromJsonArray }}
{{- if .tls.ca }}{{ $_ := set $files .file .tls.ca }}{{ end }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{- define "header-echo.muxVolume" -}}
- name: metrics-mux
  projected:
    sources:
      - configMap:
          name: {{ include "header-echo.muxConfigMap" . | quote }}
      {{- range include "header-echo.providers" . | fromJsonArray }}
      {{- if or .tls.caSecretName .tls.caConfigMapName }}
      - {{ ternary "secret" "configMap" (not (empty .tls.caSecretName)) }}:
          name: {{ .tls.caSecretName | default .tls.caConfigMapName | quote }}
          items:
            - key: {{ .tls.caKey | quote }}
              path: {{ .file }}
      {{- end }}
      {{- end }}
{{- end }}
