{{- /*
A token for this pod alone: it lives an hour, kubelet renews it, and it dies with the pod. The directory is the one that client libraries expect.
https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
*/}}
{{- define "header-echo.tokenVolume" -}}
- name: token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{- define "header-echo.tokenMount" -}}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{- /* The Pod Security Standard "restricted", and a root file system that nobody writes. */}}
{{- define "header-echo.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "header-echo.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end }}

{{- /* With several pods: not all in one zone or on one node. */}}
{{- define "header-echo.spread" -}}
{{- if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints }}
{{- else if gt (int .Values.replicas) 1 }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels: {{- include "header-echo.selectorLabels" $ | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* With several pods: kube-apiserver keeps sending to a pod on a dead node until it is evicted, which Kubernetes begins after 300 s. */}}
{{- define "header-echo.tolerations" -}}
{{- with .Values.tolerations }}
{{ toYaml . }}
{{- end }}
{{- if and .Values.fastEviction.enabled (gt (int .Values.replicas) 1) }}
{{- range list "not-ready" "unreachable" }}
- key: node.kubernetes.io/{{ . }}
  operator: Exists
  effect: NoExecute
  tolerationSeconds: {{ int $.Values.fastEviction.seconds }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Long enough for all that stopping may take, with 5 s to spare. */}}
{{- define "header-echo.gracePeriodSeconds" -}}
{{- with .Values.shutdown }}{{ add .preStopSeconds .delaySeconds .timeoutSeconds 5 }}{{ end }}
{{- end }}
