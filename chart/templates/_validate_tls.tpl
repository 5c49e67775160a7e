{{- define "header-echo.faultsOfTLS" }}
{{- $mode := .Values.tls.mode }}
{{- $certManager := hasPrefix "certManager" $mode }}
{{- with .Values.tls }}
{{- if and $certManager (not ($.Capabilities.APIVersions.Has "cert-manager.io/v1")) }}
- tls.mode is '{{ $mode }}', but this cluster doesn't serve cert-manager.io/v1. Install cert-manager first (https://cert-manager.io/docs/installation/), or choose another tls.mode; if you render without a cluster, add --api-versions cert-manager.io/v1.
{{- end }}
{{- if and (eq $mode "secret") .injectCaFromSecret (not ($.Capabilities.APIVersions.Has "cert-manager.io/v1")) }}
- tls.injectCaFromSecret is set, but this cluster doesn't serve cert-manager.io/v1, so nobody copies the CA. Install cert-manager with its cainjector first, or set tls.caBundle instead; if you render without a cluster, add --api-versions cert-manager.io/v1.
{{- end }}
{{- if and (eq $mode "openshift") (not ($.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}
- tls.mode is 'openshift', but this cluster doesn't serve security.openshift.io/v1, so no service-ca operator makes the certificate. Choose another tls.mode; if you render without a cluster, add --api-versions security.openshift.io/v1.
{{- end }}
{{- if and (eq $mode "certManagerIssuer") (not .issuerRef.name) }}
- tls.mode is 'certManagerIssuer': set tls.issuerRef.name to the issuer that shall sign the serving certificate.
{{- end }}
{{- if and .issuerRef.name (ne $mode "certManagerIssuer") }}
- tls.issuerRef.name is '{{ .issuerRef.name }}', which tls.mode '{{ $mode }}' doesn't use: set tls.mode to 'certManagerIssuer', or remove the name.
{{- end }}
{{- if and .secretName (or $certManager (eq $mode "openshift")) }}
- tls.secretName is '{{ .secretName }}', but tls.mode '{{ $mode }}' makes its own Secret: set tls.mode to 'secret', or remove tls.secretName.
{{- end }}
{{- if and $.Values.backend.create (eq $mode "secret") (not .secretName) }}
- tls.mode is 'secret': set tls.secretName to a Secret of type kubernetes.io/tls in namespace '{{ $.Release.Namespace }}' with a certificate for {{ include "header-echo.dnsName" $ }}.
{{- end }}
{{- $sources := compact (list .caBundle .injectCaFromSecret) }}
{{- if gt (len $sources) 1 }}
- tls.caBundle and tls.injectCaFromSecret exclude each other, because each writes the APIService's caBundle: set one.
{{- else if and (eq $mode "secret") (not $sources) }}
- tls.mode is 'secret': set tls.caBundle to the CA of its certificate (PEM), or tls.injectCaFromSecret to a Secret from which cert-manager copies ca.crt, so that kube-apiserver can verify the backend.
{{- else if and $sources (or (eq $mode "insecure") (eq $mode "openshift")) }}
- tls.caBundle and tls.injectCaFromSecret have no place in tls.mode '{{ $mode }}' ({{ ternary "Kubernetes refuses a CA beside insecureSkipTLSVerify" "the service-ca operator writes it" (eq $mode "insecure") }}): remove them, or set tls.mode to 'secret'.
{{- else if and (eq $mode "certManager") $sources }}
- tls.mode 'certManager' has its CA written by cert-manager: remove tls.caBundle and tls.injectCaFromSecret, or set tls.mode to 'secret'.
{{- end }}
{{- if and .caBundle (or (not (contains "-----BEGIN CERTIFICATE-----" .caBundle)) (contains "PRIVATE KEY-----" .caBundle)) }}
- tls.caBundle must hold certificates in PEM ('-----BEGIN CERTIFICATE-----') and never a private key, because anybody may read an APIService.
{{- end }}
{{- with .injectCaFromSecret }}
{{- if not (regexMatch "^[^/]+/[^/]+$" (tpl . $)) }}
- tls.injectCaFromSecret must be '<namespace>/<name>', not '{{ . }}': cert-manager ignores any other without a word.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /*
Arithmetic of lifetimes. A CA that may end before what it signed has ended takes the API down with it, years after the install.
https://github.com/kedacore/charts/issues/710
*/}}
{{- define "header-echo.faultsOfPKI" }}
{{- with .Values.tls }}
{{- if hasPrefix "certManager" .mode }}
{{- $certificates := ternary (dict "ca" .ca "certificate" .certificate) (dict "certificate" .certificate) (eq .mode "certManager") }}
{{- range $name, $lifetime := $certificates }}
{{- if ge (int .renewBeforeHours) (int .durationHours) }}
- tls.{{ $name }}.renewBeforeHours is {{ .renewBeforeHours }} and must be less than tls.{{ $name }}.durationHours, {{ .durationHours }}.
{{- end }}
{{- end }}
{{- if and (eq .mode "certManager") (lt (int .ca.renewBeforeHours) (int .certificate.durationHours)) }}
- tls.ca.renewBeforeHours is {{ .ca.renewBeforeHours }} and tls.certificate.durationHours is {{ .certificate.durationHours }}: a serving certificate signed just before the CA is renewed would outlive that CA by {{ sub (int .certificate.durationHours) (int .ca.renewBeforeHours) }} hours. Raise the first to at least {{ .certificate.durationHours }}, or lower the second.
{{- end }}
{{- $sizes := dict "ECDSA" (list 256 384 521) "RSA" (list 2048 3072 4096 8192) }}
{{- if hasKey $sizes .privateKey.algorithm }}
{{- $allowed := index $sizes .privateKey.algorithm }}
{{- if not (has (int .privateKey.size) $allowed) }}
- tls.privateKey.size must be one of {{ join ", " $allowed }} for {{ .privateKey.algorithm }}, not {{ .privateKey.size }}.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
