package main

import "github.com/cert-manager/cert-manager/pkg/controller"

// setBackoff has nothing to set: cert-manager 1.19 has constants for it.
func setBackoff(*controller.CertificateOptions) {}
