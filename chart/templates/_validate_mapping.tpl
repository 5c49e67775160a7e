{{- define "header-echo.faultsOfMapping" }}
{{- $segments := list "" }}
{{- range .Values.gateway.upstreams }}{{ $segments = append $segments (.segment | default "") }}{{ end }}
{{- $seen := dict }}
{{- range $index, $row := .Values.gateway.resources }}
{{- $at := printf "gateway.resources[%d]" $index }}
{{- $plural := include "header-echo.plural" . }}
{{- if has $plural (list "namespaces" "proxy" "watch") }}
- {{ $at }} would be called '{{ $plural }}', a word that kube-apiserver reads as something else at this place of a path: set plural to another.
{{- end }}
{{- if has .kind (list "ListMeta" "ObjectMeta" "Status") }}
- {{ $at }}.kind is '{{ .kind }}', which every API has: choose another.
{{- end }}
{{- range $word := concat (list .kind $plural (.singular | default (lower .kind))) (.shortNames | default list) | uniq }}
{{- if ne (get $seen $word | default $at) $at }}
- {{ $at }} and {{ get $seen $word }} are both called '{{ $word }}', so kubectl couldn't tell one from the other: change a name of one.
{{- end }}
{{- $_ := set $seen $word $at }}
{{- end }}
{{- if not (has (.upstream | default "") $segments) }}
- {{ $at }}.upstream is '{{ .upstream }}', but no entry of gateway.upstreams has this segment: add one, or leave it out for gateway.upstream.
{{- end }}
{{- $verbs := pick . "list" "get" "create" "update" "delete" }}
{{- if not $verbs }}
- {{ $at }} can do nothing: give it at least one of list, get, create, update and delete.
{{- end }}
{{- range $verb, $action := $verbs }}
{{- $named := contains "{name}" .path }}
{{- if and $named (has $verb (list "list" "create")) }}
- {{ $at }}.{{ $verb }}.path is '{{ .path }}' and can't hold {name}, since there is none yet: write the path of the collection.
{{- else if not (or $named (has $verb (list "list" "create"))) }}
- {{ $at }}.{{ $verb }}.path is '{{ .path }}' and must hold {name}, else every object would be the same one.
{{- end }}
{{- if contains "{namespace}" .path }}
{{- if not $row.namespaced }}
- {{ $at }}.{{ $verb }}.path is '{{ .path }}', but {namespace} is only for a resource with namespaced: true.
{{- end }}
{{- else if and $row.namespaced (not $row.fields.namespace) }}
- {{ $at }}.{{ $verb }}.path is '{{ .path }}' and must hold {namespace}, or fields.namespace say where an item has its own: else who may see one namespace would see all.
{{- end }}
{{- end }}
{{- if and .fields.namespace (not .namespaced) }}
- {{ $at }}.fields.namespace is '{{ .fields.namespace }}', but only a resource with namespaced: true has one: set it, or leave this out.
{{- end }}
{{- end }}
{{- end }}
