package main

import (
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
)

// setBackoff says for how long a refused request waits before it is tried again; cert-manager's own defaults.
func setBackoff(options *controller.CertificateOptions) {
	options.CertificateRequestMinimumBackoffDuration = time.Minute
	options.CertificateRequestMaximumBackoffDuration = time.Hour
}
