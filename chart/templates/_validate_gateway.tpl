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

{{- /* Names of headers: those that mean something already, and two meanings of one. */}}
{{- define "header-echo.faultsOfIdentity" }}
{{- $taken := splitList " " "authorization connection content-length content-type cookie expect host keep-alive te trailer transfer-encoding upgrade x-forwarded-for x-forwarded-host x-forwarded-proto" }}
{{- $prefix := .Values.gateway.identity.extraHeaderPrefix }}
{{- $names := dict }}
{{- range list "userHeader" "groupHeader" "uidHeader" }}
{{- $_ := set $names (printf "gateway.identity.%s" .) (index $.Values.gateway.identity .) }}
{{- end }}
{{- if .Values.gateway.token.enabled }}{{ $_ := set $names "gateway.token.header" .Values.gateway.token.header }}{{ end }}
{{- $seen := dict }}
{{- range $key, $name := $names }}
{{- $low := lower $name }}
{{- if and (has $low $taken) (ne (printf "%s %s" $key $low) "gateway.token.header authorization") }}
- {{ $key }} is '{{ $name }}', which means something else already: choose another, such as X-Remote-User.
{{- else if and $name (hasKey $seen $low) }}
- {{ $key }} and {{ get $seen $low }} are both '{{ $name }}', so the upstream couldn't tell one from the other: choose another for one of them.
{{- else if and $name $prefix (hasPrefix (lower $prefix) $low) }}
- {{ $key }} is '{{ $name }}' and begins with gateway.identity.extraHeaderPrefix, '{{ $prefix }}', so an extra attribute of a caller could pass for it: choose another for one of them.
{{- end }}
{{- $_ := set $seen $low $key }}
{{- end }}
{{- range $taken }}
{{- if and $prefix (hasPrefix (lower $prefix) .) }}
- gateway.identity.extraHeaderPrefix is '{{ $prefix }}', so an extra attribute of a caller could pass for the header {{ . }}: choose another, such as X-Remote-Extra-.
{{- end }}
{{- end }}
{{- end }}

{{- define "header-echo.faultsOfMapping" }}
{{- if and .Values.gateway.access (not .Values.delegation.authorization) }}
- gateway.access is set, but the gateway may not ask the API server who has these rights: set delegation.authorization to true.
{{- end }}
{{- $segments := list "" }}
{{- range .Values.gateway.upstreams }}{{ $segments = append $segments (.segment | default "") }}{{ end }}
{{- $seen := dict }}
{{- range $index, $row := .Values.gateway.resources }}
{{- $plural := include "header-echo.plural" . }}
{{- if has $plural (list "namespaces" "proxy" "watch") }}
- gateway.resources[{{ $index }}] would be called '{{ $plural }}', a word that kube-apiserver reads as something else at this place of a path: set plural to another.
{{- end }}
{{- range $word := list $plural .kind | uniq }}
{{- if hasKey $seen $word }}
- gateway.resources[{{ $index }}] and gateway.resources[{{ get $seen $word }}] are both '{{ $word }}': kubectl couldn't tell one from the other, so change kind or plural of one.
{{- end }}
{{- $_ := set $seen $word $index }}
{{- end }}
{{- if not (has (.upstream | default "") $segments) }}
- gateway.resources[{{ $index }}].upstream is '{{ .upstream }}', but no entry of gateway.upstreams has this segment: add one, or leave it out for gateway.upstream.
{{- end }}
{{- range $part := list "get" "update" "delete" }}
{{- with index $row $part }}
{{- if not (contains "{name}" .path) }}
- gateway.resources[{{ $index }}].{{ $part }}.path is '{{ .path }}' and must hold {name}, else every object would be the same one.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
