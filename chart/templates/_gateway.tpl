{{- /*
What the values below gateway become: one file for the gateway, and one folder with it and with what it refers to. Secrets are files there,
never text in the ConfigMap. The keys are those of backend/extension_apiserver/gateway/config.py.
*/}}
{{- define "header-echo.gatewayFolder" -}}/etc/extension-apiserver{{- end }}
{{- define "header-echo.gatewayConfigMap" -}}{{ include "header-echo.fullname" . }}-gateway{{- end }}
{{- define "header-echo.tokenCertificate" -}}{{ include "header-echo.fullname" . }}-gateway-token{{- end }}

{{- define "header-echo.tokenSecret" -}}
{{- .Values.gateway.token.secretName | default (include "header-echo.tokenCertificate" .) }}
{{- end }}

{{- /* "true" if cert-manager makes the key that signs tokens. */}}
{{- define "header-echo.makesTokenKey" -}}
{{- with .Values.gateway }}
{{- if and .enabled .token.enabled (not .token.secretName) (hasPrefix "certManager" $.Values.tls.mode) }}true{{ end }}
{{- end }}
{{- end }}

{{- /* All upstreams as a JSON array, that of gateway.upstream first. Besides the keys of gateway.upstreams each has `key`, which names its URL in messages, `at`, which names the others, and `file`, what its files begin with. */}}
{{- define "header-echo.upstreams" -}}
{{- $first := pick .Values.gateway "trustNetwork" "prefix" "readinessPath" "openapiPath" "tls" "limits" }}
{{- $all := list (merge (dict "url" .Values.gateway.upstream "key" "gateway.upstream" "at" "gateway") $first) }}
{{- range $index, $one := .Values.gateway.upstreams }}
{{- $at := printf "gateway.upstreams[%d]" $index }}
{{- $all = append $all (merge (dict "key" (printf "%s.url" $at) "at" $at) $one) }}
{{- end }}
{{- range $number, $one := $all }}
{{- $_ := set $one "url" (tpl $one.url $) }}
{{- $_ := set $one "tls" (merge (dict) ($one.tls | default dict) (dict "ca" "" "caSecretName" "" "clientSecretName" "" "serverName" "")) }}
{{- $_ := set $one "file" (printf "upstream-%d" $number) }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{- /* "true" if a URL names the pod itself. */}}
{{- define "header-echo.isLoopback" -}}
{{- if regexMatch "^https?://((?i:localhost)|127([.][0-9]+){3}|\\[::1\\])(:|/|$)" . }}true{{ end }}
{{- end }}

{{- define "header-echo.gatewayConfig" -}}
{{- $folder := include "header-echo.gatewayFolder" . }}
{{- $upstreams := list }}
{{- range $one := include "header-echo.upstreams" . | fromJsonArray }}
{{- $tls := dict }}
{{- if or .tls.ca .tls.caSecretName }}{{ $_ := set $tls "caFile" (printf "%s/%s-ca.crt" $folder .file) }}{{ end }}
{{- if .tls.clientSecretName }}
{{- $_ := set $tls "certificateFile" (printf "%s/%s.crt" $folder .file) }}
{{- $_ := set $tls "keyFile" (printf "%s/%s.key" $folder .file) }}
{{- end }}
{{- if .tls.serverName }}{{ $_ := set $tls "serverName" .tls.serverName }}{{ end }}
{{- $entry := pick . "url" "version" "segment" "prefix" "readinessPath" "openapiPath" "limits" }}
{{- if $tls }}{{ $_ := set $entry "tls" $tls }}{{ end }}
{{- $upstreams = append $upstreams $entry }}
{{- end }}
{{- $config := dict "upstreams" $upstreams "identity" .Values.gateway.identity }}
{{- with .Values.gateway.token }}
{{- if .enabled }}
{{- $issuer := .issuer | default (printf "https://%s" (include "header-echo.dnsName" $)) }}
{{- $_ := set $config "token" (merge (dict "keyFile" (printf "%s/token.key" $folder) "issuer" $issuer) (pick . "audience" "header" "lifetimeSeconds")) }}
{{- end }}
{{- end }}
{{- with .Values.gateway.resources }}{{ $_ := set $config "resources" . }}{{ end }}
{{- with .Values.gateway.access }}{{ $_ := set $config "access" . }}{{ end }}
{{- with .Values.gateway.audit.bodies }}{{ $_ := set $config "audit" (dict "bodies" .) }}{{ end }}
{{- toPrettyJson $config }}
{{- end }}

{{- /* What the ConfigMap holds. */}}
{{- define "header-echo.gatewayFiles" -}}
{{- $files := dict "gateway.json" (include "header-echo.gatewayConfig" .) }}
{{- range include "header-echo.upstreams" . | fromJsonArray }}
{{- if .tls.ca }}{{ $_ := set $files (printf "%s-ca.crt" .file) .tls.ca }}{{ end }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{- /* One volume, so that a certificate and its key change in one moment. */}}
{{- define "header-echo.gatewayVolume" -}}
- name: gateway
  projected:
    sources:
      - configMap:
          name: {{ include "header-echo.gatewayConfigMap" . | quote }}
      {{- range include "header-echo.upstreams" . | fromJsonArray }}
      {{- if .tls.caSecretName }}
      - secret:
          name: {{ .tls.caSecretName | quote }}
          items:
            - key: ca.crt
              path: {{ .file }}-ca.crt
      {{- end }}
      {{- if .tls.clientSecretName }}
      - secret:
          name: {{ .tls.clientSecretName | quote }}
          items:
            - key: tls.crt
              path: {{ .file }}.crt
            - key: tls.key
              path: {{ .file }}.key
      {{- end }}
      {{- end }}
      {{- if .Values.gateway.token.enabled }}
      - secret:
          name: {{ include "header-echo.tokenSecret" . | quote }}
          items:
            - key: tls.key
              path: token.key
      {{- end }}
{{- end }}
