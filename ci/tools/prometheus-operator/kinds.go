// Package kinds names the module whose kinds tests generate CRDs of, so that it stays pinned.
package kinds

import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
