{{- define "header-echo.faultsOfUpstreams" }}
{{- $versions := list "" }}
{{- range .Values.apiService.versions }}{{ $versions = append $versions .name }}{{ end }}
{{- $seen := dict }}
{{- range $one := include "header-echo.upstreams" . | fromJsonArray }}
{{- $fault := include "header-echo.faultOfURL" .url }}
{{- if $fault }}
- {{ .key }} is '{{ regexReplaceAll "//[^/]*@" .url "//***@" }}', {{ $fault }}.
{{- else }}
{{- include "header-echo.faultsOfReach" (dict "context" $ "one" .) }}
{{- end }}
{{- include "header-echo.faultsOfUpstreamTLS" . }}
{{- if not (has (.version | default "") $versions) }}
- {{ .at }}.version is '{{ .version }}', which apiService.versions lacks, so it would never be asked: add it there, or choose one of {{ rest $versions | join ", " }}.
{{- end }}
{{- if has (.segment | default "") (list "proxy" "." "..") }}
- {{ .at }}.segment is '{{ .segment }}', which means something else at this place of a path: choose another.
{{- end }}
{{- $place := printf "%s/%s" (.version | default "") (.segment | default "") }}
{{- if hasKey $seen $place }}
- {{ .at }} answers for the same version and segment as {{ get $seen $place }}, so it would never be asked: give it another version or segment.
{{- end }}
{{- $_ := set $seen $place (ternary .key .at (eq .at "gateway")) }}
{{- end }}
{{- end }}

{{- /*
The end of a sentence that says what is wrong with a URL, and what to write; empty if nothing is. Nothing passes here that the gateway refuses:
backend/extension_apiserver/apps/upstream/origin.py.
*/}}
{{- define "header-echo.faultOfURL" -}}
{{- $host := regexReplaceAll "^https?://(\\[[^/\\]]*\\]|[^:/]*).*$" . "${1}" | lower }}
{{- $port := regexReplaceAll "^https?://(\\[[^/\\]]*\\]|[^:/]*)([^/]*).*$" . "${2}" }}
{{- $path := regexReplaceAll "^[a-z]+://[^/]*" . "" }}
{{- $label := "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?" }}
{{- if regexMatch "[^!-~]" . }}which holds a space or another letter that no URL has: remove it, or write it as %20 and the like
{{- else if not (regexMatch "^(https?|unix)://" .) }}which must begin with http://, https:// or unix://, in lower case: write for example http://cats:8080
{{- else if regexMatch "[?#]" . }}which holds a query or a fragment, and what stands before every path can't: end it before '{{ regexFind "[?#]" . }}'
{{- else if regexMatch "^[a-z]+://[^/]*@" . }}which holds a user or a password, and anybody who may read ConfigMaps would see it: remove it, and let the upstream verify a token (gateway.token) or a client certificate
{{- else if regexMatch "/([.]|%2[eE]){2}(/|$)" $path }}whose path holds '..': write the path that is meant
{{- else if hasPrefix "unix://" . }}
{{- if not (regexMatch "^unix://(/[A-Za-z0-9._~+=,:@-]+)+$" .) }}which names no file: write unix:// and the socket's path from / on, of letters, digits and ._~+=,:@-, such as unix:///run/cats/http.sock
{{- else if gt (len $path) 107 }}whose path has {{ len $path }} letters, and Linux takes at most 107 for a socket: choose a shorter one
{{- end }}
{{- else if not (regexMatch (printf "^(%s([.]%s)*[.]?|\\[[0-9a-f.]*:[0-9a-f:.]*:[0-9a-f:.]*\\])$" $label $label) $host) }}which names no host: write a Service's name or an address after '://', an IPv6 address in brackets
{{- else if and (regexMatch "(^|[.])([0-9]+|0x[0-9a-f]*)[.]?$" $host) (not (regexMatch "^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){4}$" (printf "%s." $host))) }}whose host is no IPv4 address, which has four numbers from 0 to 255
{{- else if not (regexMatch "^(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$" $port) }}whose port must be 1 to 65535: write for example http://cats:8080
{{- else if not (regexMatch "^(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*$" $path) }}whose path holds a letter that no URL has, or a '%' without two hexadecimal digits: write it as %20 and the like
{{- end }}
{{- end }}

{{- /* Who else can reach the upstream, as far as its URL tells. */}}
{{- define "header-echo.faultsOfReach" }}
{{- $context := .context }}
{{- with .one }}
{{- $values := $context.Values }}
{{- $unix := hasPrefix "unix://" .url }}
{{- $host := regexReplaceAll "^https?://(\\[[^\\]]*\\]|[^:/]*).*$" .url "${1}" | lower }}
{{- $loopback := include "header-echo.isLoopback" .url }}
{{- $guarded := or $values.gateway.token.enabled .tls.clientSecretName .trustNetwork }}
{{- $mounted := false }}
{{- range $values.volumeMounts }}
{{- if hasPrefix (printf "%s/" (.mountPath | default "" | trimSuffix "/")) (trimPrefix "unix://" $.one.url) }}{{ $mounted = true }}{{ end }}
{{- end }}
{{- $service := printf "^[a-z]([-a-z0-9]*[a-z0-9])?([.]%s([.]svc([.]cluster[.]local)?)?)?$" $context.Release.Namespace }}
{{- if and $values.gateway.sidecar (eq .key "gateway.upstream") (not (or $unix $loopback)) }}
- gateway.sidecar is true, but {{ .key }} is '{{ .url }}', which isn't in the same pod: set it to http://127.0.0.1:<port> or unix:///<path>, on which your container alone listens, or gateway.sidecar to false.
{{- else if and $unix (not $mounted) }}
- {{ .key }} is '{{ .url }}', but no entry of volumeMounts has its folder, so nobody could make that socket: mount a volume of volumes (an emptyDir) there, in your container, too.
{{- else if and $loopback (not $values.gateway.sidecar) (not $values.hostNetwork) }}
- {{ .key }} is '{{ .url }}', but in the gateway's pod nobody else listens: set gateway.sidecar to true and put your container into extraContainers, or name the Service of your pods.
{{- else if and $loopback $values.hostNetwork (not $guarded) }}
- {{ .key }} is '{{ .url }}', and hostNetwork is true, so every program of the node reaches it and can claim to be anybody: use a Unix socket, or set {{ include "header-echo.guards" . }}.
{{- else if not (or $unix $loopback $guarded (regexMatch $service $host)) }}
- {{ .key }} is '{{ .url }}', which the chart can't tell to be a Service of namespace '{{ $context.Release.Namespace }}' (<name>, <name>.{{ $context.Release.Namespace }} or <name>.{{ $context.Release.Namespace }}.svc): whoever else reaches it can claim to be anybody. Set {{ include "header-echo.guards" . }}.
{{- end }}
{{- end }}
{{- end }}

{{- /* What each of the three does; argument: an upstream. */}}
{{- define "header-echo.guards" -}}
gateway.token.enabled (each request carries a signed token with its user, which the upstream must verify), {{ .at }}.tls.clientSecretName (the gateway shows a client certificate, which the upstream must demand), or {{ .at }}.trustNetwork (you know that nothing but the gateway reaches it, by a NetworkPolicy or a firewall)
{{- end }}

{{- define "header-echo.faultsOfUpstreamTLS" }}
{{- $given := list }}
{{- range $name := list "ca" "caSecretName" "clientSecretName" "serverName" }}
{{- if index $.tls $name }}{{ $given = append $given (printf "%s.tls.%s" $.at $name) }}{{ end }}
{{- end }}
{{- if and $given (not (hasPrefix "https://" .url)) }}
- {{ join " and " $given }} {{ ternary "is" "are" (eq (len $given) 1) }} set, but {{ .key }} is '{{ .url }}', which has no TLS: make it https://, or remove {{ ternary "it" "them" (eq (len $given) 1) }}.
{{- end }}
{{- if and .tls.ca .tls.caSecretName }}
- {{ .at }}.tls.ca and {{ .at }}.tls.caSecretName exclude each other, because each says whom to trust: set one.
{{- end }}
{{- if and .tls.ca (or (not (contains "-----BEGIN CERTIFICATE-----" .tls.ca)) (contains "PRIVATE KEY-----" .tls.ca)) }}
- {{ .at }}.tls.ca must hold certificates in PEM ('-----BEGIN CERTIFICATE-----') and never a private key, because anybody may read it who may read ConfigMaps.
{{- end }}
{{- end }}
