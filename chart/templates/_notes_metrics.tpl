{{- /* What NOTES.txt says of metrics. */}}
{{- define "header-echo.notesOfMetrics" }}
{{- with .Values.metrics }}
{{- if has "resource" .apis }}

Usage of pods and nodes:

  kubectl top pods --all-namespaces
{{- end }}
{{- range .apis }}
{{- if ne . "resource" }}

Names of its {{ . }} metrics, and how a HorizontalPodAutoscaler finds what it scales by:

  kubectl get --raw /apis/{{ . }}.metrics.k8s.io/{{ ternary "v1beta2" "v1beta1" (eq . "custom") }}
  kubectl describe hpa --namespace <namespace> <name>
{{- end }}
{{- end }}
{{- if .mux.enabled }}

If a metric is missing, this tells which provider fails:

  kubectl exec --namespace {{ $.Release.Namespace }} deployment/{{ include "header-echo.fullname" $ }} --container backend -- {{ include "header-echo.command" $ | fromYamlArray | join " " }} doctor --config {{ include "header-echo.gatewayFolder" $ }}/mux.json
{{- end }}
{{- end }}
{{- end }}
