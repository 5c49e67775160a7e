{{- define "header-echo.faultsOfStore" }}
{{- $values := .Values }}
{{- with .Values.store }}
{{- if not .mode }}
{{- if .resources }}
- store.resources is set and store.mode is empty: set store.mode to 'sqlite', 'postgresql' or 'memory'.
{{- end }}
{{- else if not $values.backend.create }}
- store.mode is '{{ .mode }}' and backend.create is false, so that the chart makes no pods which could keep anything: remove store.mode, and set EXTENSION_APISERVER_STORE_URL in your own.
{{- else if include "header-echo.runsOurs" $ }}
- store.mode is '{{ .mode }}', but {{ ternary "the gateway (gateway.enabled)" "the multiplexer (metrics.mux.enabled)" $values.gateway.enabled }} keeps nothing: remove one of them.
{{- else if not $values.apiService.enabled }}
- store.mode is '{{ .mode }}' and apiService.enabled is false: a resource with a store needs a group, so set apiService.enabled to true.
{{- else if and $values.userRoles.create (not .resources) }}
- store.mode is '{{ .mode }}': set store.resources to the resources that have a store, such as [cats], or userRoles.create to false; else nobody but an administrator of the cluster may use them.
{{- end }}
{{- if and (eq .mode "sqlite") (gt (int $values.replicas) 1) }}
- store.mode is 'sqlite' and replicas is {{ int $values.replicas }}, but one file has one pod: set replicas to 1, or store.mode to 'postgresql'.
{{- else if and (eq .mode "memory") (gt (int $values.replicas) 1) }}
- store.mode is 'memory' and replicas is {{ int $values.replicas }}, so that each pod would have objects of its own: set replicas to 1, or store.mode to 'postgresql'.
{{- end }}
{{- if and (eq .mode "postgresql") (not .urlSecret.name) }}
- store.mode is 'postgresql': set store.urlSecret.name to a Secret in namespace '{{ $.Release.Namespace }}' whose key '{{ .urlSecret.key }}' is the URL of the database.
{{- else if and (ne .mode "postgresql") .urlSecret.name }}
- store.urlSecret.name is '{{ .urlSecret.name }}' and store.mode is '{{ .mode }}': set store.mode to 'postgresql', or remove the name.
{{- end }}
{{- range list "existingClaim" "storageClassName" }}
{{- if and (ne $values.store.mode "sqlite") (index $values.store.volume .) }}
- store.volume.{{ . }} is '{{ index $values.store.volume . }}' and store.mode is '{{ $values.store.mode }}': set store.mode to 'sqlite', or remove it.
{{- end }}
{{- end }}
{{- if and .volume.existingClaim .volume.storageClassName }}
- store.volume.existingClaim and store.volume.storageClassName are both set, but a claim that is there already has its class: remove one.
{{- end }}
{{- if not .mode }}
{{- range $values.env }}
{{- if eq (toString .name) "EXTENSION_APISERVER_STORE_URL" }}
- env sets EXTENSION_APISERVER_STORE_URL: set store.mode instead, from which volume, rights and number of pods follow.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
