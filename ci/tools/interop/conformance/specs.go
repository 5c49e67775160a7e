// Package conformance names what is built of its module: a test program has to be imported for its requirements to be pinned.
package conformance

import _ "k8s.io/kubernetes/test/e2e"
