{{- /*
Rules of one of the roles for people, as a JSON array. Arguments: context, "view" or "edit".
Of a resource with a store, what Kubernetes' own roles may with its own: `status` is written by controllers, each with a role of its own.
With the gateway also what the mapping can do, and those rows of gateway.access whose verb is one of Kubernetes' own. A verb of one's own
is in neither role, as `approve` isn't in Kubernetes' edit: who has it, is said by a role of one's own. Who may `kubectl top`, is as with
metrics-server; custom and external metrics are for controllers, to which Kubernetes' own roles give them.
*/}}
{{- define "header-echo.userRules" -}}
{{- $values := (index . 0).Values }}
{{- $view := eq (index . 1) "view" }}
{{- $group := list $values.apiService.group }}
{{- $rules := list }}
{{- $resources := $values.userRoles.resources | default (ternary (list) (list "echoes") (or $values.gateway.enabled (not (empty $values.store.resources)))) }}
{{- $verbs := ternary $values.userRoles.viewVerbs $values.userRoles.editVerbs $view }}
{{- if and $values.apiService.enabled $resources $verbs }}
{{- $rules = append $rules (dict "apiGroups" $group "resources" $resources "verbs" $verbs) }}
{{- end }}
{{- with $values.store.resources }}
{{- $scales := list }}
{{- $read := list }}
{{- range . }}
{{- $scales = append $scales (printf "%s/scale" .) }}
{{- $read = concat $read (list (printf "%s/scale" .) (printf "%s/status" .)) }}
{{- end }}
{{- if $view }}
{{- $rules = append $rules (dict "apiGroups" $group "resources" . "verbs" (list "get" "list" "watch")) }}
{{- $rules = append $rules (dict "apiGroups" $group "resources" $read "verbs" (list "get")) }}
{{- else }}
{{- $rules = append $rules (dict "apiGroups" $group "resources" . "verbs" (list "create" "update" "patch" "delete" "deletecollection")) }}
{{- $rules = append $rules (dict "apiGroups" $group "resources" $scales "verbs" (list "update" "patch")) }}
{{- end }}
{{- end }}
{{- if $values.gateway.enabled }}
{{- $known := ternary (list "get" "list" "watch") (list "create" "update" "patch" "delete" "deletecollection") $view }}
{{- $verbsOf := dict }}
{{- range $row := $values.gateway.resources }}
{{- $verbs := list }}
{{- if and $view (or (hasKey $row "get") (hasKey $row "list")) }}{{ $verbs = append $verbs "get" }}{{ end }}
{{- if and $view (hasKey $row "list") }}{{ $verbs = append $verbs "list" }}{{ end }}
{{- range list "create" "update" "delete" }}
{{- if and (hasKey $row .) (not $view) }}{{ $verbs = append $verbs . }}{{ end }}
{{- end }}
{{- $_ := set $verbsOf (include "header-echo.plural" $row) $verbs }}
{{- end }}
{{- range $values.gateway.access }}
{{- if has .verb $known }}{{ $_ := set $verbsOf .resource (append (get $verbsOf .resource | default list) .verb | uniq) }}{{ end }}
{{- end }}
{{- range $resource, $verbs := $verbsOf }}
{{- if $verbs }}{{ $rules = append $rules (dict "apiGroups" $group "resources" (list $resource) "verbs" $verbs) }}{{ end }}
{{- end }}
{{- end }}
{{- if and $view (has "resource" $values.metrics.apis) }}
{{- $rules = append $rules (dict "apiGroups" (list "metrics.k8s.io") "resources" (list "nodes" "pods") "verbs" (list "get" "list")) }}
{{- end }}
{{- toJson $rules }}
{{- end }}

{{- /* What a mapped resource is called in paths; argument: its row. */}}
{{- define "header-echo.plural" -}}{{ .plural | default (printf "%ss" (lower .kind)) }}{{- end }}
