{{- define "header-echo.faultsOfGateway" }}
{{- with .Values.gateway }}
{{- if not .enabled }}
{{- if or .upstream .upstreams }}
- gateway.{{ ternary "upstream" "upstreams" (not (empty .upstream)) }} is set, but gateway.enabled is false, so nothing would be passed on: set gateway.enabled to true, or remove it.
{{- end }}
{{- else if not .upstream }}
- gateway.enabled is true: set gateway.upstream to the URL of the service that shall answer, such as http://cats or https://cats:8443; gateway.upstreams has those besides it.
{{- else }}
{{- include "header-echo.faultsOfUpstreams" $ }}
{{- include "header-echo.faultsOfGatewayPod" $ }}
{{- include "header-echo.faultsOfIdentity" $ }}
{{- include "header-echo.faultsOfAccess" $ }}
{{- include "header-echo.faultsOfMapping" $ }}
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.faultsOfGatewayPod" }}
{{- if not .Values.backend.create }}
- gateway.enabled is true, but backend.create is false, so there is no pod for the gateway: set one of them to its other value.
{{- end }}
{{- range list "command" "args" }}
{{- if index $.Values . }}
- {{ . }} and gateway.enabled are both set, but the container's command is then the gateway's: remove {{ . }}; a program of your own goes into extraContainers, with gateway.sidecar.
{{- end }}
{{- end }}
{{- if and .Values.gateway.sidecar (not .Values.extraContainers) }}
- gateway.sidecar is true, but extraContainers is empty: put the container of your service there, or set gateway.sidecar to false if it runs in pods of its own.
{{- end }}
{{- with .Values.gateway.token }}
{{- if and .enabled (not .audience) }}
- gateway.token.enabled is true: set gateway.token.audience to a word that the upstream demands, such as its URL, so that no token for another service is taken for one of its own.
{{- end }}
{{- if and .enabled (not .secretName) (not (hasPrefix "certManager" $.Values.tls.mode)) }}
- gateway.token.enabled is true, and tls.mode '{{ $.Values.tls.mode }}' has no cert-manager that would make the key: set gateway.token.secretName to a Secret in namespace '{{ $.Release.Namespace }}' with an ECDSA P-256 key (PEM) as tls.key.
{{- end }}
{{- end }}
{{- end }}

{{- /*
Names of headers: those that mean something already, and two meanings of one. Many programs take a dash for an underscore or nothing, so
dashes don't count. The lists are those of backend/extension_apiserver/gateway/header_names.py.
*/}}
{{- define "header-echo.faultsOfIdentity" }}
{{- $taken := splitList " " "accept audit-id cache-control connection content-length cookie date dnt expect forwarded from host http2-settings keep-alive max-forwards origin pragma priority range referer te traceparent tracestate trailer trailers transfer-encoding upgrade user-agent via x-forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-scheme x-forwarded-server x-forwarded-uri x-real-ip x-request-id" }}
{{- $families := splitList " " "accept- access-control- content- if- proxy- sec- upgrade- x-http- x-original- x-rewrite-" }}
{{- $plain := list }}
{{- range $taken }}{{ $plain = append $plain (replace "-" "" .) }}{{ end }}
{{- $prefix := lower .Values.gateway.identity.extraHeaderPrefix }}
{{- $names := dict }}
{{- range list "userHeader" "groupHeader" "uidHeader" }}
{{- $_ := set $names (printf "gateway.identity.%s" .) (index $.Values.gateway.identity .) }}
{{- end }}
{{- if .Values.gateway.token.enabled }}{{ $_ := set $names "gateway.token.header" .Values.gateway.token.header }}{{ end }}
{{- $seen := dict }}
{{- range $key, $name := $names }}
{{- $low := lower $name }}
{{- $same := replace "-" "" $low }}
{{- $own := or (has $same $plain) (and (eq $same "authorization") (ne $key "gateway.token.header")) }}
{{- range $families }}{{ if hasPrefix . $low }}{{ $own = true }}{{ end }}{{ end }}
{{- if $own }}
- {{ $key }} is '{{ $name }}', which means something else already: choose another, such as X-Remote-User.
{{- else if and $name (hasKey $seen $same) }}
- {{ $key }} and {{ get $seen $same }} are one header, '{{ $name }}', and many programs don't see its dashes: choose another for one of them.
{{- end }}
{{- $_ := set $seen $same $key }}
{{- end }}
{{- if $prefix }}
{{- $begun := "" }}
{{- range concat (values $names | sortAlpha) (list "Authorization") $taken $families }}
{{- if and . (not $begun) (or (hasPrefix (replace "-" "" $prefix) (lower . | replace "-" "")) (and (has . $families) (hasPrefix . $prefix))) }}{{ $begun = . }}{{ end }}
{{- end }}
{{- if $begun }}
- gateway.identity.extraHeaderPrefix is '{{ .Values.gateway.identity.extraHeaderPrefix }}', so an extra attribute of a caller could pass for the header {{ $begun }}: choose another, such as X-Remote-Extra-.
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.faultsOfAccess" }}
{{- if and .Values.gateway.access (not .Values.delegation.authorization) }}
- gateway.access is set, but the gateway may not ask the API server who has these rights: set delegation.authorization to true.
{{- end }}
{{- range $key, $rows := dict "access" .Values.gateway.access "audit.bodies" .Values.gateway.audit.bodies }}
{{- range $index, $row := $rows }}
{{- if regexMatch "/[.][.]?(/|$)" .path }}
- gateway.{{ $key }}[{{ $index }}].path is '{{ .path }}', but no request with '.' or '..' between slashes is passed on: write the path that is meant.
{{- else if regexMatch "[{]name[}].*[{]name[}]|[{]namespace[}].*[{]namespace[}]" .path }}
- gateway.{{ $key }}[{{ $index }}].path is '{{ .path }}', and which of the two it would be isn't clear: write '*' for one of them.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
